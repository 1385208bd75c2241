"""What each setting is, in a few words: the docstrings under the settings' fields, so that there is one text each."""

import ast
import re
from functools import cache
from itertools import chain, pairwise
from pathlib import Path


@cache
def explanations() -> dict[str, str]:
    """The beginning of every setting's docstring, by the setting's name, alone and behind its section's.

    Example:
        >>> explanations()["steps"], explanations()["train.steps"]
        ('Length of the run in steps', 'Length of the run in steps')
    """
    found: dict[str, str] = {}
    sources = sorted(Path(__file__).parent.glob("*.py"))
    statements = chain.from_iterable(ast.parse(source.read_text(encoding="utf-8")).body for source in sources)
    for section in (statement for statement in statements if isinstance(statement, ast.ClassDef)):
        for field, below in pairwise(section.body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    meaning = re.split(r"[.;](?:\s|$)", " ".join(text.split()))[0].replace("``", "")
                    found[name] = found[f"{section.name.removesuffix('Config').lower()}.{name}"] = meaning
    return found
