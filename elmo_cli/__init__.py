"""ELMo on today's stack: train, measure and serve contextual word vectors."""

__version__ = "0.1.0"
