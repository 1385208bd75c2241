"""What happens: one function per command, read top to bottom. A flow yields reports and prints nothing."""
