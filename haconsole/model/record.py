"""`dataclass` as in `dataclasses`, for the frozen ones made several times as fast: 350 of them are a third of a start.

The standard library compiles six functions for each frozen class (0.5 ms, Python 3.11, of that a half to refuse
assignments). Here only `__init__` is compiled; to compare, hash, show and refuse need no text of their own. What one
sees is the same: fields, signature, `replace`, `asdict`, `match`, pickle, the errors. `tests/unit/model/test_record.py`
holds the two side by side. Whatever is not frozen, inherits fields, has some that are no
argument, or wants more (`order`) is left to the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass  # so that type checkers see nothing but the library's
else:
    import dataclasses
    from operator import attrgetter
    from reprlib import recursive_repr

    class _Factory:
        """Stands in the signature for a default that is made when it is needed."""

        def __repr__(self):
            return "<factory>"

    _FACTORY = _Factory()

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False, **others):
        """As `dataclasses.dataclass`."""

        def made(cls):
            inherits = any(hasattr(base, "__dataclass_fields__") for base in cls.__mro__[1:])
            worked_out = any(isinstance(v, dataclasses.Field) and not v.init for v in cls.__dict__.values())
            if frozen and not others and not inherits and not worked_out:
                return _frozen(cls, slots=slots, kw_only=kw_only)
            return dataclasses.dataclass(cls, frozen=frozen, slots=slots, kw_only=kw_only, **others)

        return made if cls is None else made(cls)

    def _frozen(cls, *, slots, kw_only):
        own = frozenset(cls.__dict__)
        cls.__doc__ = cls.__doc__ or cls.__name__  # else the library works out a signature, at length
        cls = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)
        cls.__dataclass_params__.frozen = cls.__dataclass_params__.eq = True
        cls.__dataclass_params__.init = cls.__dataclass_params__.repr = True
        fields = dataclasses.fields(cls)
        methods = {"__init__": _init(cls, fields, slots), "__repr__": _repr(fields)}
        methods |= _compared(fields) | _refusing(cls, fields) | (_pickled(fields) if slots else {})
        for name in methods.keys() - own:
            methods[name].__name__, methods[name].__qualname__ = name, f"{cls.__qualname__}.{name}"
            setattr(cls, name, methods[name])
        return cls

    def _init(cls, fields, slots):
        """The one function that is compiled: positional fields first, then those by name."""
        scope = {"object_set": object.__setattr__, "FACTORY": _FACTORY}
        words, by_name, lines = ["self"], [], []
        for field in fields:
            name = word = value = field.name
            if field.default is not dataclasses.MISSING:
                scope[f"default_{name}"] = field.default
                word = f"{name}=default_{name}"
            elif field.default_factory is not dataclasses.MISSING:
                scope[f"factory_{name}"] = field.default_factory
                word, value = f"{name}=FACTORY", f"factory_{name}() if {name} is FACTORY else {name}"
            (by_name if field.kw_only else words).append(word)
            if slots:  # straight into the slot: what refuses assignments is not asked
                scope[f"set_{name}"] = getattr(cls, name).__set__
                lines.append(f"set_{name}(self, {value})")
            else:
                lines.append(f"object_set(self, {name!r}, {value})")
        if hasattr(cls, "__post_init__"):
            lines.append("self.__post_init__()")
        words += ["*", *by_name] if by_name else []
        found = {}
        text = f"def __init__({', '.join(words)}):\n " + "\n ".join(lines or ["pass"])
        exec(text, scope, found)  # noqa: S102 - names of fields, which are identifiers
        init = found["__init__"]
        init.__annotations__ = {field.name: field.type for field in fields} | {"return": None}
        init.__module__ = cls.__module__
        return init

    def _repr(fields):
        names = [field.name for field in fields if field.repr]

        @recursive_repr()
        def shown(self):
            told = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
            return f"{self.__class__.__qualname__}({told})"

        return shown

    def _values(names):
        if len(names) == 1:
            (name,) = names
            return lambda of: (getattr(of, name),)
        return attrgetter(*names) if names else lambda _of: ()

    def _compared(fields):
        same = _values([field.name for field in fields if field.compare])
        hashed = _values([f.name for f in fields if (f.compare if f.hash is None else f.hash)])

        def equal(self, other):
            if other.__class__ is self.__class__:
                return same(self) == same(other)
            return NotImplemented

        return {"__eq__": equal, "__hash__": lambda self: hash(hashed(self))}

    def _refusing(cls, fields):
        names = frozenset(field.name for field in fields)

        def assign(self, name, value):
            if type(self) is cls or name in names:
                raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
            super(cls, self).__setattr__(name, value)

        def delete(self, name):
            if type(self) is cls or name in names:
                raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
            super(cls, self).__delattr__(name)

        return {"__setattr__": assign, "__delattr__": delete}

    def _pickled(fields):
        names = [field.name for field in fields]

        def state(self):
            return [getattr(self, name) for name in names]

        def restore(self, state):
            for name, value in zip(names, state, strict=True):
                object.__setattr__(self, name, value)

        return {"__getstate__": state, "__setstate__": restore}
