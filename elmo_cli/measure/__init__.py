"""Losses to figures: what a text's losses add up to, how sure that is, and what they are worth.

G is the direction (forward, backward), N the words of a text, S its sentences; losses are in nats.
"""
