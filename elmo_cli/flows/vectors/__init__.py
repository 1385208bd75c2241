"""Text becomes contextual vectors, which are written, searched and drawn."""
