"""How a section reports all its problems at once."""

from elmo_cli.errors import ConfigError


def require(section: str, *checks: tuple[bool, str]) -> None:
    """Raises one error with every problem of a section.

    Args:
        section: Its name in messages.
        checks: Pairs of what must hold and what is said, setting first, where it does not.

    Raises:
        ConfigError: A check does not hold.
    """
    problems = [problem for holds, problem in checks if not holds]
    if problems:
        raise ConfigError("; ".join(f"{section}.{problem}" for problem in problems))
