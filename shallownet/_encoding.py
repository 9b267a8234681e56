"""What a column of cells is, and the rows of ``X`` that it becomes: numbers, dates, times, levels of text.

``fit_column`` decides and writes the decision into a dictionary; ``KINDS`` follows it, by the column's kind.
"""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from shallownet._cells import NAMED, is_hole, is_number, more, plural, text_of, texts_of

LEVELS = 20                           # rows of X that the text of a column gets
MAX_CLASSES = 1000
OTHER, MISSING = "(other)", "(missing)"
LIKE_NUMBER = re.compile(r"[-+\d.,' _\u00a0\u202f\u2212]+(?:[eE][-+]?\d+)?")
GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}([.,]\d{3})+")
SPACES = " \u00a0\u202f"              # between thousands
FORMATS = ((".", ","), (",", "."), (",", ""), (".", " "), (",", " "), (".", "'"), (",", "'"))   # decimal, thousands
PLAIN = (".", "")
DATE = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T](\d{1,2}):(\d\d)(?::(\d\d))?)?")
TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d+)?))?")
EPOCH = datetime(1970, 1, 1)
PARTS = ("days", "month", "weekday", "hour")
COUNTERS = {                          # in names of columns that number the rows; besides, words that end in id or nr
    "case", "index", "no", "num", "number", "obs", "observation", "patient", "person", "record", "row", "sample",
    "serial", "subject", "unnamed",
}


def _known(raw, known):
    """The cells of the rows that have a target."""
    if known is None or known.all():
        return raw
    return raw[known] if isinstance(raw, np.ndarray) else [cell for cell, keep in zip(raw, known, strict=True) if keep]


# Numbers


def _plain_numbers(raw):
    """The cells as Python reads them, NaN for holes; None if a cell is something else."""
    if isinstance(raw, np.ndarray):
        return raw.astype(float)
    try:
        values = np.fromiter(map(float, raw), float, len(raw))
    except ValueError:
        values = None
    joined = "".join(raw)
    if values is None or not joined.isascii() or "_" in joined:
        values = np.empty(len(raw))
        for i, cell in enumerate(raw):
            if is_number(cell):
                values[i] = float(cell)
            elif is_hole(cell):
                values[i] = np.nan
            else:
                return None
    return values


def _pattern(form):
    decimal, thousands = (f"[{re.escape(separator)}]" if separator else "" for separator in form)
    thousands = f"[{SPACES}]" if form[1] == " " else thousands
    whole = rf"(?:[1-9]\d{{0,2}}(?:{thousands}\d{{3}})+|\d+)" if thousands else r"\d+"
    return re.compile(rf"[-+]?(?:{whole}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][-+]?\d+)?", re.ASCII)


PATTERNS = {form: _pattern(form) for form in (PLAIN, *FORMATS)}


def _formats(texts, decimal):
    """The ways of writing numbers that fit every cell, each with separators that do occur."""
    present = [text for text in texts if not is_hole(text)]
    joined = "".join(present)
    return [form for form in FORMATS if decimal in (None, form[0])
            and any(mark in joined for mark in (SPACES if form[1] == " " else form[1] or form[0]))
            and all(map(PATTERNS[form].fullmatch, present))]


def _numbers(name, raw, cells, decimal):
    """Return the values and how they are written; ``(None, None)`` if the cells are no numbers."""
    if decimal != "," or isinstance(raw, np.ndarray) or not any("." in cell and not is_hole(cell) for cell in raw):
        values = _plain_numbers(raw)
        if values is not None:
            if _all_grouped(raw):
                cells.grouped.add(name)
            return values, PLAIN
    formats = _formats(raw, decimal)
    if (".", ",") in formats and (",", "") in formats:
        if cells.delimiter != ",":
            cell = next(cell for cell in raw if "," in cell)
            raise ValueError(f"column {name!r} must hold numbers that can be read in one way; got {cell!r}, a thousand "
                             "or a fraction, and the like in every cell. Give decimal=',' or decimal='.'.")
        formats.remove((",", ""))                                         # in such a file the comma splits no number
    if not formats:
        return None, None
    if formats[0] == (".", ",") and _all_grouped(raw):
        cells.grouped.add(name)
    return np.array([_formatted(cell, formats[0]) for cell in raw]), formats[0]


def _formatted(cell, form):
    """The number that is written in this way; NaN for a hole, None for something else."""
    if is_hole(cell):
        return np.nan
    if form == PLAIN:
        return float(cell) if is_number(cell) else None
    if not PATTERNS[form].fullmatch(cell):
        return None
    for mark in SPACES if form[1] == " " else form[1]:
        cell = cell.replace(mark, "")
    return float(cell.replace(form[0], "."))


def _all_grouped(raw):
    """Whether every number with a mark reads like 1.234 or 1,234, and there is one."""
    if isinstance(raw, np.ndarray):
        return False
    marked = (cell for cell in raw if "." in cell or "," in cell)
    first = next((cell for cell in marked if not is_hole(cell)), "")
    return bool(GROUPED.fullmatch(first)) and all(GROUPED.fullmatch(cell) or is_hole(cell) for cell in marked)


def two_decimals(encoding, cells):
    """The problems of a file where one column proves decimal commas, and another could be read in both ways."""
    columns = [encoding.get("target", {}), *encoding["columns"]]
    if not any(column.get("decimal") == "," for column in columns):
        return []
    return [f"column {name!r} must hold numbers that can be read in one way; got 1.234 and the like in every cell, in "
            "a table with decimal commas. Give decimal=',' or decimal='.'." for name in sorted(cells.grouped)]


# Dates and times


def _date(cell, style):
    """The moment, in UTC where the cell has a zone; None if it is written in another style."""
    if style == "ISO":
        try:
            moment = datetime.fromisoformat(cell)
        except ValueError:
            return None
        if moment.tzinfo and not 1 < moment.year < 9999:                  # in UTC it might be in no year at all
            return None
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    found = DATE.fullmatch(cell)
    if not found or (style == "month first" and found[2] == "."):
        return None
    day, month = (found[1], found[3]) if style == "day first" else (found[3], found[1])
    try:
        return datetime(int(found[4]), int(month), int(day), *(int(part or 0) for part in found.groups()[4:]))
    except ValueError:
        return None


def _hours(cell, style):
    found = TIME.fullmatch(cell)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return int(found[1]) + int(found[2]) / 60 + float(found[3] or 0) / 3600


def _moment(cell, style):
    """Days since 1970, month, weekday and hour of a date; None if it is none."""
    date = _date(cell, style)
    if date is None:
        return None
    return (date - EPOCH) / timedelta(days=1), date.month, date.isoweekday(), date.hour + date.minute / 60


def _styles(present):
    """The styles of dates and times that fit every cell."""
    styles = [("date", style) for style in ("ISO", "day first", "month first")
              if all(_date(cell, style) is not None for cell in present)]
    return styles + [("time", "")] * all(_hours(cell, "") is not None for cell in present)


READ = {"number": _formatted, "date": _moment, "time": _hours}


# What a column is


def left_out(reason):
    """The dictionary of a column that is not used."""
    return {"kind": "left out", "features": [], "told": f"left out, {reason}"}


def fit_column(name, cells, known, decimal, categorical, unnamed):
    """Decide what a feature is, from the rows that have a target, and return its dictionary."""
    raw = _known(cells.columns[name](), known)
    if not categorical:
        values, form = _numbers(name, raw, cells, decimal)
        if values is not None:
            if form == PLAIN and len(values) == cells.size:
                cells.columns[name] = lambda: values                      # once is enough, and text takes memory
            rows = np.arange(cells.size) if known is None else np.flatnonzero(known)
            return _fit_number_column(name, values, form, rows, unnamed)
    texts = texts_of(raw)
    present = [text for text in texts if not is_hole(text)]
    counts = Counter(present)
    nothing = _nothing_to_learn(len(present), len(texts), counts)
    if nothing or categorical:
        return nothing or _fit_levels(name, counts, len(texts))
    styles = _styles(present)
    if len(styles) == 1:
        return _fit_moments(name, texts, *styles[0])
    words = _words_among_numbers(name, texts, counts, cells, known)
    if words:
        values = np.array([np.nan if text in words else _formatted(text, PLAIN) for text in texts])
        return _fit_numbers(name, values[np.newaxis], "number", PLAIN, words=words)
    if len(counts) == len(present) and (unnamed or len(counts) > LEVELS):
        return left_out(f"its text names each row, such as {present[0]!r}")
    column = _fit_levels(name, counts, len(texts))
    if styles:
        column["told"] += "; dates with day or month first, which cannot be told: write them as 2026-01-31"
    return column


def _fit_number_column(name, values, form, rows, unnamed):
    finite = np.where(np.isinf(values), np.nan, values)
    present = finite[~np.isnan(finite)]
    different = {*present[:1], *present[present != present[:1]][:1]}
    counting = _count(finite, rows)
    column = (_nothing_to_learn(len(present), len(values), different)
              or _row_numbers(name, finite, counting, unnamed)
              or _fit_numbers(name, finite[np.newaxis], "number", form))
    if counting and column["kind"] == "number":
        column["told"] += f"; they count the rows: drop=[{name!r}] leaves them out"
    infinite = int(np.isinf(values).sum())
    if infinite:
        column["told"] += f" ({infinite} of them infinite)"
    return column


def _nothing_to_learn(present, size, different):
    if present == 0:
        return left_out("no cell has anything in it")
    if present == size and len(different) == 1:
        return left_out(f"every cell is {text_of(next(iter(different)))}")
    return None


def _count(values, rows):
    """Whether the numbers count the rows, from 0 or from 1."""
    return len(values) > LEVELS and values[0] - rows[0] in (0, 1) and bool((values - rows == values[0] - rows[0]).all())


def _row_numbers(name, values, counting, unnamed):
    """A column that is left out as it numbers the rows: it counts them, and is called so, or it has no name."""
    words = re.findall("[a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", " ", name).lower())
    if counting and (unnamed or any(word in COUNTERS or word.endswith(("id", "nr")) for word in words)):
        return left_out("it counts the rows")
    if unnamed and len(np.unique(values)) == len(values) and (values == np.floor(values)).all():
        return left_out("it has no name, and a different whole number in each row")
    return None


def _words_among_numbers(name, texts, counts, cells, known):
    """The words that stand in a column of numbers, such as "trace", and count as holes there; none if it is text.

    What looks like a number written in another way is no word: it is refused.
    """
    words = _words_of(counts)
    rows = np.arange(cells.size) if known is None else np.flatnonzero(known)
    odd = [(row, text) for row, text in zip(rows, texts, strict=True) if text in words and LIKE_NUMBER.fullmatch(text)]
    if odd:
        places = "; ".join(f"{text!r} in {cells.place(row)}" for row, text in odd[:NAMED])
        raise ValueError(f"column {name!r} must write its numbers in one way; got {places}"
                         f"{more(len(odd) - NAMED, 'cell')}. Correct them or empty them, or give drop=[{name!r}] or "
                         f"categorical=[{name!r}].")
    return words


def _words_of(counts):
    """What is no number in a column where most cells are, and how often it occurs; nothing if the column is text."""
    words = Counter({text: count for text, count in counts.items() if not is_number(text)})
    return words if 2 * words.total() < counts.total() and len(counts) - len(words) > LEVELS else Counter()


def _most(words):
    """The first words, and how many more there are."""
    named = ", ".join(f"{word!r} {words[word]}" for word in list(words)[:NAMED])
    return named + (f" and {len(words) - NAMED} other words" if len(words) > NAMED else "")


def _fit_numbers(name, values, kind, form, parts=("",), words=()):
    """The column's dictionary from its values (k, m), NaN where there are holes."""
    holes = int(np.isnan(values[0]).sum())
    present = dict(zip(parts, values[:, ~np.isnan(values[0])], strict=True))
    kept = [part for part in parts if part in ("", "days") or np.ptp(present[part])]
    fill = [float(np.median(present[part])) for part in kept]
    names = [f"{name} {part}".strip() for part in kept] + [f"{name}={MISSING}"] * (holes > 0)
    told = {"number": "numbers", "date": f"dates, as {', '.join(kept)}", "time": "times, as hours"}[kind]
    column = {"kind": kind, "features": names, "fill": fill, "parts": kept, "marked": holes > 0}
    if kind == "number":
        column |= {"decimal": form[0], "thousands": form[1], "words": sorted(words)}
        told += f"; {_most(words)} count as holes" if words else ""
        told += ", decimal comma" if form[0] == "," else ""
        told += f", thousands separated by {form[1]!r}" if form[1] else ""
        told += f"; {holes} {plural('hole', holes)} filled with the median {fill[0]:g} and marked" if holes else ""
    else:
        column["style"] = form
        told += f", {form}" if form not in ("", "ISO") else ""
        told += f"; {holes} {plural('hole', holes)} filled with the median and marked" if holes else ""
    return column | {"told": told}


def _fit_moments(name, texts, kind, style):
    parts = PARTS if kind == "date" else ("",)
    rows = [(np.nan,) * len(parts) if is_hole(text) else np.atleast_1d(READ[kind](text, style)) for text in texts]
    return _fit_numbers(name, np.array(rows, float).T, kind, style, parts)


def _fit_levels(name, counts, size):
    """The column's dictionary from the counts of its levels."""
    holes = size - counts.total()
    ordered = sorted(counts, key=lambda level: (-counts[level], level))
    levels, rare = sorted(ordered[:LEVELS]), ordered[LEVELS:]
    if not rare and len(levels) == 2:
        names = [f"{name}={levels[1]}"]
    else:
        names = [f"{name}={level}" for level in levels] + [f"{name}={OTHER}"] * bool(rare)
    share = [counts[level] / counts.total() for level in levels] + [sum(map(counts.get, rare)) / counts.total()]
    most = ", ".join(f"{level} {counts[level]}" for level in ordered[:NAMED]) + ", …" * (len(ordered) > NAMED)
    told = f"text, {len(ordered)} {plural('level', len(ordered))}: {most}"
    told += f"; all but the {LEVELS} most frequent are \"other\" ({sum(map(counts.get, rare))} rows)" if rare else ""
    told += f"; {holes} {plural('hole', holes)}, a level of its own" if holes else ""
    return {"kind": "levels", "features": names + [f"{name}={MISSING}"] * (holes > 0), "levels": levels,
            "share": share, "other": bool(rare), "rare": rare if len(rare) <= MAX_CLASSES else [],
            "marked": holes > 0, "told": told}


def fit_target(name, cells, task, decimal):
    """Decide what the target is; return its dictionary, and which rows have one."""
    raw = cells.columns[name]()
    texts = texts_of(raw)
    known = np.array([not is_hole(text) for text in texts])
    texts = [text for text in texts if not is_hole(text)]
    if not texts:
        raise ValueError(f"column {name!r} must hold the target; got no cell with anything in it in {cells.where}.")
    values, form = _numbers(name, _known(raw, known), cells, decimal)
    styles = [] if values is not None else _styles(texts)
    is_text = values is None and len(styles) != 1
    words = _words_of(Counter(texts)) if is_text and task == "regression" else {}
    if task is None and is_text:
        _refuse_target_slips(name, texts, cells, known)
    if task == "classification" or (task is None and (is_text or _are_two_whole(values))):
        target = _fit_classes(name, texts, None if form != PLAIN else values, cells)
    elif words:
        known[known] = [text not in words for text in texts]
        values = np.array([float(text) for text in texts if text not in words])
        target = _fit_values(name, values, PLAIN, cells, words)
    elif is_text:
        row, text = next((row, text) for row, text in zip(np.flatnonzero(known), texts, strict=True)
                         if not is_number(text))
        raise ValueError(f"column {name!r} must hold a number in every line for a regression; got {text!r} in "
                         f"{cells.place(row)}. Use task='classification'.")
    else:
        target = _fit_target_moments(name, texts, *styles[0]) if styles else _fit_values(name, values, form, cells)
    holes = cells.size - len(texts)
    target["told"] += f"; {holes} {plural('row', holes)} without it left out" if holes else ""
    return {"name": name, "features": [], "marked": False, **target}, known


def _are_two_whole(values):
    different = () if values is None else np.unique(values)
    return len(different) == 2 and bool((different == np.floor(different)).all())


def _fit_classes(name, texts, values, cells):
    classes, counts = _classes(name, texts, values, cells), Counter(texts)
    most = ", ".join(f"{label} {counts[str(label)]}" for label in classes[:10]) + ", …" * (len(classes) > 10)
    return {"kind": "classes", "classes": classes, "told": f"target, {len(classes)} classes: {most}"}


def _fit_values(name, values, form, cells, words=()):
    different = np.unique(values)
    if not np.isfinite(different).all():
        raise ValueError(f"column {name!r} must hold finite numbers; got infinity in {cells.where}. Empty these cells.")
    if len(different) < 2:
        raise ValueError(f"column {name!r} must hold different finite numbers; got {different[0]:g} in every line of "
                         f"{cells.where}. Use another target.")
    told = "target, values"
    if len(different) <= min(10, len(values) / 2) and (different == np.floor(different)).all():
        told += f", {len(different)} different whole numbers: task='classification' makes them classes"
    if words:
        told += f"; {words.total()} {plural('row', words.total())} whose cell is no number left out: {_most(words)}"
    return {"kind": "number", "decimal": form[0], "thousands": form[1], "parts": [""], "words": sorted(words),
            "told": told}


def _fit_target_moments(name, texts, kind, style):
    if len(set(texts)) < 2:
        raise ValueError(f"column {name!r} must hold different values; got {texts[0]!r} in every line. Use another "
                         "target.")
    part, unit = ("days", "dates as days since 1970") if kind == "date" else ("", "times as hours")
    return {"kind": kind, "style": style, "parts": [part], "told": f"target, {unit}"}


def _refuse_target_slips(name, texts, cells, known):
    """Refuse numbers with a few texts among them: are they values or classes?"""
    slips = [(row, text) for row, text in zip(np.flatnonzero(known), texts, strict=True) if not is_number(text)]
    different = set(texts)
    if len(slips) < len(texts) - len(slips) and (len(different) > LEVELS or 2 * len(different) > len(texts)):
        places = "; ".join(f"{text!r} in {cells.place(row)}" for row, text in slips[:NAMED])
        raise ValueError(f"column {name!r} must hold a number in every line, as in most; got {places}"
                         f"{more(len(slips) - NAMED, 'cell')}. Correct them, or use task='regression', which leaves "
                         "these rows out, or task='classification'.")


def _classes(name, texts, values, cells):
    """The different labels, sorted: numbers where that changes no text."""
    labels = sorted(set(texts))
    if values is not None:
        number_of = dict(zip(texts, values.tolist(), strict=True))
        labels.sort(key=number_of.get)
        same = [pair for pair in pairwise(labels) if number_of[pair[0]] == number_of[pair[1]]]
        if same:
            raise ValueError(f"column {name!r} must write each class in one way; got {same[0][0]!r} and "
                             f"{same[0][1]!r} in {cells.where}. Write them alike, or use task='regression'.")
        numbers = [_canonical(label) for label in labels]
        labels = labels if None in numbers else numbers
    if len(labels) < 2:
        raise ValueError(f"column {name!r} must hold two classes or more; got {texts[0]!r} in every line of "
                         f"{cells.where} that has a target. Use another target.")
    if len(labels) > MAX_CLASSES:
        raise ValueError(f"column {name!r} must hold at most {MAX_CLASSES} classes; got {len(labels)} in "
                         f"{cells.where}. Use another target, or task='regression' for values.")
    if len(labels) == len(texts) > LEVELS:
        raise ValueError(f"column {name!r} must hold classes that occur more than once; got another label in each "
                         f"of {len(texts)} lines of {cells.where}, such as {texts[0]!r}. Use another target.")
    return labels


def _canonical(label):
    """The number whose text is exactly this, or None: "01" and "1e3" stay text."""
    for kind in (int, float):
        try:
            if str(kind(label)) == label:
                return kind(label)
        except ValueError:
            pass
    return None


# Encoding by kind: the rows of X (k, m), notes, and why a row cannot be encoded. A note is a pair of rows, and of what
# tells of them: which rows are refused is known at the end.


def encode_values(column, cells):
    """Numbers, dates and times, with the median where there is a hole."""
    values, bad = _read_values(column, cells)
    holes, notes = np.isnan(values[0]), []
    if "fill" in column and holes.any():
        values[:, holes] = np.array(column["fill"])[:, np.newaxis]
        if not column["marked"]:
            notes = [_note_of_holes(column, cells, np.flatnonzero(holes), f"median {column['fill'][0]:g}")]
    return np.vstack([values, holes]) if column["marked"] else values, notes, bad


def _read_values(column, cells):
    """The column's values (k, m), NaN for holes, and why a cell is none of its kind."""
    name, kind, raw = column["name"], column["kind"], cells.columns[column["name"]]()
    style = (column["decimal"], column["thousands"]) if kind == "number" else column["style"]
    values = _plain_numbers(raw) if kind == "number" and (style == PLAIN or isinstance(raw, np.ndarray)) else None
    if values is not None:
        return np.where(np.isinf(values), np.nan, values)[np.newaxis], {}
    what = {"number": "numbers", "date": "dates", "time": "times"}[kind]
    what += ", written as in training with a decimal comma" if style[0:1] == (",",) else ""
    words, parts, bad = set(column.get("words", ())), PARTS if kind == "date" else ("",), {}
    values = np.full((len(parts), cells.size), np.nan)
    for row, text in enumerate(texts_of(raw)):
        if is_hole(text) or text in words:
            continue
        found = READ[kind](text, style)
        if found is None:
            bad[row] = f"column {name!r} must hold {what}; got {text!r} in {cells.place(row)}"
        elif np.isfinite(found).all():
            values[:, row] = found
    return values[[parts.index(part) for part in column["parts"]]], bad


def encode_levels(column, cells):
    """A vector for each cell: that of its level, of a hole, or of what was not there in training."""
    texts = texts_of(cells.columns[column["name"]]())
    code_of = {level: i for i, level in enumerate(column["levels"])}
    codes = np.array([code_of.get(text, -1 if is_hole(text) else -2) for text in texts])
    holes, notes = np.flatnonzero(codes == -1), []
    if column["rare"] or not column["other"]:                             # otherwise too many are "other" to be listed
        rare = set(column["rare"])
        unseen = [row for row in np.flatnonzero(codes == -2) if texts[row] not in rare]
        _refuse_numbers(column, cells, [texts[row] for row in unseen], len(texts) - len(holes))
        notes = [_note_of_unseen(column, cells, texts, unseen)]
    if not column["marked"]:
        notes.append(_note_of_holes(column, cells, holes, "average level"))
    return level_vectors(column)[codes].T, notes, {}


def level_vectors(column):
    """The rows of X, as rows, for each level; last but one for others, last for a hole."""
    levels, share, other, marked = (column[key] for key in ("levels", "share", "other", "marked"))
    two = len(levels) == 2 and not other
    k = 1 if two else len(levels) + other
    average = share[1:2] if two else share[:k]
    vectors = np.zeros((len(levels) + 2, k + marked))
    vectors[:len(levels), :k] = [[0], [1]] if two else np.eye(len(levels), k)
    vectors[-2, :k] = np.eye(k)[-1] if other else average
    vectors[-1, :k] = 0 if marked and not two else average
    vectors[-1, k:] = 1
    return vectors


def _refuse_numbers(column, cells, unseen, present):
    """Refuse a column of text that has become one of numbers."""
    if len(unseen) == present > 0 and all(map(is_number, unseen)) and not any(map(is_number, column["levels"])):
        raise ValueError(f"column {column['name']!r} must hold text such as {column['levels'][0]!r}, as in training; "
                         f"got numbers such as {unseen[0]!r} in {cells.where}.")


def _note_of_unseen(column, cells, texts, rows):
    how = '"other"' if column["other"] else "the average level"
    return rows, lambda rows: (f"{column['name']}: {texts[rows[0]]!r} in {cells.place(rows[0])} was not there in "
                               f"training; counts as {how} ({len(rows)} {plural('row', len(rows))})")


def _note_of_holes(column, cells, rows, taken):
    return rows, lambda rows: (f"{column['name']}: nothing in {cells.place(rows[0])}, where training had no holes; the "
                               f"{taken} is taken ({len(rows)} {plural('row', len(rows))})")


KINDS = {"number": encode_values, "date": encode_values, "time": encode_values, "levels": encode_levels}
