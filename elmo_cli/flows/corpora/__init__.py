"""Text becomes corpora, vocabularies, counts and corpus stores."""
