"""Files to ids: readers, tokenizers, vocabulary, character table, corpus store, windows."""
