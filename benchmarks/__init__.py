"""Words per second of every part, beside what the machine could do: ``python -m benchmarks.run``."""
