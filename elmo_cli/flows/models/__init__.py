"""Models in any container: loaded, checked, written anew."""
