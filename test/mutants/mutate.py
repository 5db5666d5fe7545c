"""Small changes of a C file: each one is what a person could have mistyped. Pure: text in, mutants out.

What is changed: a comparison (`<` and `<=`, `==` and `!=` …), an operator, a constant by one, a condition into its opposite, and
statements that go missing. Comments, strings, the preprocessor's lines and declarations stay as they are. clang-format has set spaces
around an operator that has two sides; that tells `a * b` from `char *b`.
"""
# SPDX-License-Identifier: MIT
import collections
import re

# Bytes start … end of the file become `new`. `line`, from 1, and what it reads before and after, without indentation.
Mutant = collections.namedtuple("Mutant", "start end new line before after kind")
Token = collections.namedtuple("Token", "kind text start end")

TOKENS = re.compile(r"""
    (?P<space>\s+ | //[^\n]* | /\*.*?\*/)
  | (?P<line>\#(?:[^\n\\]|\\.)*)                     # of the preprocessor, with those that go on
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<char>'(?:[^'\\\n]|\\.)+')
  | (?P<number>0[xX][0-9a-fA-F]+[uUlL]* | \d+[uUlL]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<sign><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^~!<>=?:;,.(){}\[\]])
""", re.VERBOSE | re.DOTALL)

COMPARISONS = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="]}
OPERATORS = {"+": ["-"], "-": ["+"], "*": ["+"], "/": ["*"], "%": ["*"], "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"],
             "^": ["|"], "&&": ["||"], "||": ["&&"], "+=": ["-="], "-=": ["+="], "|=": ["&="], "&=": ["|="], "++": ["--"],
             "--": ["++"]}
TWO_SIDED = {"+", "-", "*", "&"}  # and one-sided elsewhere
WORDS = {"true": ["false"], "false": ["true"]}
KEYWORDS = set("""auto case char const default do double else enum extern float for goto if inline int long register restrict return
    short signed sizeof static struct switch typedef union unsigned void volatile while _Static_assert _Alignas _Alignof
    __attribute__ __asm__""".split())
MISSING = {"break", "continue"}


def tokens_of(text):
    """Without spaces and comments; a character that begins none is one by itself."""
    at, tokens = 0, []
    while at < len(text):
        match = TOKENS.match(text, at)
        if match is None:
            match = re.compile(r".", re.DOTALL).match(text, at)
            tokens.append(Token("sign", match[0], at, match.end()))
        elif match.lastgroup != "space":
            tokens.append(Token(match.lastgroup, match[0], at, match.end()))
        at = match.end()
    return tokens


def bodies(tokens):
    """(first, last) of each function's braces: those at the top level behind a parenthesis."""
    depth, begin = 0, None
    for i, token in enumerate(tokens):
        if token.text == "{":
            if depth == 0 and i > 0 and tokens[i - 1].text == ")":
                begin = i
            depth += 1
        elif token.text == "}":
            depth -= 1
            if depth == 0 and begin is not None:
                yield begin, i
                begin = None


def closing(tokens, i):
    """Where what opens at i is closed."""
    depth = 0
    while i < len(tokens):
        depth += tokens[i].text in ("(", "[", "{")
        depth -= tokens[i].text in (")", "]", "}")
        if depth == 0:
            return i
        i += 1
    return len(tokens) - 1


def constants(text):
    """A number one larger and, from 1 on, one smaller."""
    suffix = text.rstrip("uUlL")
    value, rest = int(suffix, 0) if suffix.lower().startswith("0x") else int(suffix), text[len(suffix):]
    return [f"{n:#x}{rest}" if text[:2].lower() == "0x" else f"{n}{rest}" for n in (value + 1, value - 1) if n >= 0]


def sided(text, token):
    """An operator with a space on each side."""
    return text[token.start - 1].isspace() and text[token.end].isspace()


def statement_goes(tokens, i):
    """The end of the statement that begins at i, where leaving it out still compiles: no declaration, no return."""
    if tokens[i].text in MISSING:
        return i + 1
    if tokens[i].text not in ("*", "(", "++", "--") and (tokens[i].kind != "name" or tokens[i].text in KEYWORDS):
        return None
    end = i
    while tokens[end].text not in (";", "{", "}"):
        end = closing(tokens, end) + 1 if tokens[end].text in ("(", "[") else end + 1
        if end >= len(tokens):
            return None
    inner = tokens[i:end]
    kinds = [token.kind for token in inner]
    if tokens[end].text != ";" or not inner:
        return None
    if kinds[0] == "name" and len(kinds) > 1 and (kinds[1] == "name" or (inner[1].text == "*" and inner[1].end == inner[2].start)):
        return None  # a declaration
    acts = {"=", "(", "++", "--", "+=", "-=", "*=", "/=", "|=", "&=", "^=", "<<=", ">>="}
    return end if any(token.text in acts for token in inner) else None


def mutants(text):
    """All of a file, in its order."""
    found, tokens = [], tokens_of(text)

    def add(start, end, new, kind):
        left, right = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        before, after = text[left:right], text[left:start] + new + text[end:right]
        found.append(Mutant(start, end, new, text.count("\n", 0, start) + 1, " ".join(before.split()), " ".join(after.split()), kind))

    for first, last in bodies(tokens):
        begins, i = True, first + 1
        while i < last:
            token = tokens[i]
            if token.text in ("_Static_assert", "__asm__"):
                i = closing(tokens, i + 1)
            elif token.kind == "number":
                for new in constants(token.text):
                    add(token.start, token.end, new, "constant")
            elif token.text in WORDS:
                for new in WORDS[token.text]:
                    add(token.start, token.end, new, "constant")
            elif token.text in COMPARISONS and sided(text, token):
                for new in COMPARISONS[token.text]:
                    add(token.start, token.end, new, "comparison")
            elif token.text in OPERATORS and (token.text not in TWO_SIDED or sided(text, token)):
                for new in OPERATORS[token.text]:
                    add(token.start, token.end, new, "operator")
            elif token.text == "!":
                add(token.start, token.end, "", "condition")
            elif token.text == "if":
                end = closing(tokens, i + 1)
                if not any(inner.text in COMPARISONS or inner.text in ("&&", "||", "!") for inner in tokens[i + 1:end]):
                    add(tokens[i + 1].start, tokens[end].end, f"(!{text[tokens[i + 1].start:tokens[end].end]})", "condition")
            if begins and (end := statement_goes(tokens, i)) is not None:
                add(token.start, tokens[end].start, "", "statement")
            begins = tokens[i].text in (";", "{", "}", "else") or (
                tokens[i].text == ")" and tokens[opened(tokens, i) - 1].text in ("if", "for", "while"))
            begins = begins or (tokens[i].text == ":" and tokens[i - 2].text == "case")
            i += 1
    return found


def opened(tokens, i):
    """Where what is closed at i was opened."""
    depth = 0
    while i > 0:
        depth += tokens[i].text in (")", "]", "}")
        depth -= tokens[i].text in ("(", "[", "{")
        if depth == 0:
            return i
        i -= 1
    return 0
