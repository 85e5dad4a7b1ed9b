"""What a program should print, said in its source, and whether it did.

The last comment of an example is `// prints: TEXT`, or `// prints, within 0.1: TEXT` where numbers
may differ by that share; further comment lines right below are further lines. Numbers are compared
within the tolerance (0.001 unless said), everything else exactly.
"""
import re

TOLERANCE = 1e-3
PRINTS = re.compile(r"^// prints(?:, within ([0-9.]+))?: (.*)$")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def expectation(source):
    """(text, tolerance) of the last `// prints` comment of a source, or None."""
    lines = source.splitlines()
    for at in range(len(lines) - 1, -1, -1):
        found = PRINTS.match(lines[at])
        if not found:
            continue
        text = [found[2]]
        for line in lines[at + 1:]:
            if not line.startswith("//"):
                break
            text.append(line[2:].removeprefix(" "))
        return "\n".join(text), float(found[1] or TOLERANCE)
    return None


def difference(expected, found, tolerance):
    """None if `found` is what was expected, else what differs."""
    expected, found = expected.strip(), found.strip()
    told = f"expected: {expected}\nprinted:  {found}"
    if NUMBER.sub("#", expected) != NUMBER.sub("#", found):
        return told
    for e, f in zip(NUMBER.findall(expected), NUMBER.findall(found)):
        if abs(float(e) - float(f)) > tolerance * abs(float(e)):
            return f"{told}\n{f} is not {e} within {tolerance}"
    return None
