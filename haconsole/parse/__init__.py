"""Text that programs on a node print -> values. One module a program.

Every parser is a pure function. It returns a value or raises `ParseError`, for any input; it
never guesses: a field that the text does not tell is None. All text that leaves a parser has
gone through `parse.text.clean`. These modules know no I/O, no asyncio and no clock.
"""
