"""A report of a model of a table: one HTML page with pictures, which needs nothing else."""

import base64
import io
from html import escape

import numpy as np
from matplotlib.figure import Figure

from shallownet._types import PathLike
from shallownet.inspection import mean_effect, permutation_importance
from shallownet.plotting import (
    plot_confusion_matrix,
    plot_effects,
    plot_importance,
    plot_reliability,
    plot_residuals,
    plot_roc,
    plot_validation,
)
from shallownet.storage import replacing
from shallownet.table_model import TableModel, by_score, mean_and_error, verdict
from shallownet.tables import Table, encode_rows, groups, summary

EFFECTS = 6                           # columns whose effect is drawn
SHOWN_COLUMNS = 12                    # whose importance is drawn
POINTS = 25                           # of an effect's curve
SHOWN_CLASSES = 12                    # beyond, the pictures would be unreadable

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 62rem; margin: 0 auto;
       padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { margin-top: 2.2rem; border-bottom: 1px solid #ddd; }
figure { margin: 0; } figcaption { color: #555; font-size: .9rem; }
img { width: 100%; height: auto; display: block; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: 1.2rem; }
.one { max-width: 34rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; } th, td { text-align: left; padding: .25rem .8rem
.25rem 0; border-bottom: 1px solid #eee; vertical-align: top; } td.number { font-variant-numeric: tabular-nums; }
pre { background: #f5f5f5; padding: .8rem; white-space: pre-wrap; }
.score { font-size: 1.25rem; } .note { color: #8a4b00; }
"""


def write_report(path: PathLike, model: TableModel, table: Table) -> None:
    """Write the report of a model to the file ``path``; a file that is there is replaced at once, as a whole.

    Parameters
    ----------
    path : path
    model : TableModel
        From ``train_table``, with the report of its training: one that was saved and loaded has no held-out outputs.
    table : Table
        That the model was trained on.
    """
    page = html_report(model, table)
    with replacing(path) as file:
        file.write(page.encode())


def html_report(model: TableModel, table: Table) -> str:
    """Return the report as an HTML page; all pictures are in it."""
    if model.report.get("source") is None or len(table.X) != model.parameters["W1"].shape[1]:
        raise ValueError(f"table must be the one that the model was trained on; got {len(table.X)} features, not "
                         f"{model.parameters['W1'].shape[1]}.")
    target = model.encoding["target"]["name"]
    title = f"A network that predicts {target}"
    sections = {
        "": _scores(model),
        "How well it does": _quality(model, table),
        "What it looks at": _importance(model, table),
        "The table": _decisions(model),
        "How it was chosen": _choice(model),
        "Do it again": _reproduction(model),
    }
    body = "".join((f"<h2>{name}</h2>" if name else "") + content for name, content in sections.items() if content)
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
            f'content="width=device-width, initial-scale=1"><title>{escape(title)}</title><style>{STYLE}</style></head>'
            f"<body><h1>{escape(title)}</h1>{body}</body></html>\n")


def _scores(model):
    report = model.report
    source = report["source"]["file"]
    intro = f"<p>Learned from {report['samples']:,} rows of {escape(source)}.</p>"
    if report.get("score") is None:
        return intro + '<p class="note">Too few rows to hold some out: nothing is known of its quality.</p>'
    name = "Accuracy" if model.encoding["target"]["kind"] == "classes" else "R²"
    rows = {"this network": report["fold_scores"], **dict(by_score(report["baseline_scores"]))}
    lines = "".join(
        f'<tr><td>{escape(who)}</td><td class="number">{mean_and_error(scores)}</td>'
        f'<td class="number">{min(scores):z.3f} to {max(scores):z.3f}</td></tr>' for who, scores in rows.items()
    )
    notes = "".join(f'<p class="note">{escape(text)}</p>' for text in report["warnings"])
    return (f'{intro}<p class="score">{name} on rows that it had not seen: <b>{mean_and_error(report["fold_scores"])}'
            f"</b>, {escape(verdict(report))}.</p><table><tr><th></th><th>{name} (± standard error)</th>"
            f"<th>worst to best fold</th></tr>{lines}</table>{notes}")


def _quality(model, table):
    held_out = model.report.get("held_out")
    if held_out is None:
        return ""
    if table.classes is None:
        return _picture(plot_residuals, "Each row's true value against the one predicted by a network that had not "
                        "seen the row; below, their difference. Nine in ten lie between the dashed lines.",
                        table.Y, held_out, size=(5, 5), wrap="one")
    classes = list(map(str, table.classes))
    labels = held_out.argmax(axis=0) if len(held_out) > 1 else (held_out[0] > 0.5).astype(int)
    pictures = []
    if len(classes) <= SHOWN_CLASSES:
        true = table.Y.argmax(axis=0) if len(table.Y) > 1 else table.Y[0].astype(int)
        pictures += [
            _picture(plot_confusion_matrix, "How many rows of each class were taken for which.", true, labels,
                     classes),
            _picture(plot_roc, "For each threshold: how many of a class are found, at how many false alarms. An area "
                     "of 1 is perfect, 0.5 is a coin.", table.Y, held_out, classes),
        ]
    pictures.append(_picture(plot_reliability, "Whether a probability of 70 % is right seven times in ten: then the "
                             "points lie on the line, and 95 % of the bars reach it. Grey: how often each is given.",
                             table.Y, held_out, classes))
    return f'<p>All of it on rows that the network had not seen.</p><div class="pictures">{"".join(pictures)}</div>'


def _importance(model, table):
    importance = permutation_importance(model.parameters, table.X, table.Y, groups(model.encoding))
    name = "accuracy" if table.classes is not None else "R²"
    first = _picture(plot_importance, f"{_shown(len(importance))}How far the {name} falls when a column's values are "
                     "shuffled among the rows. Columns that tell the same share what they tell, and each alone seems "
                     "unimportant.", importance,
                     SHOWN_COLUMNS, size=(5, 0.9 + 0.28 * min(len(importance), SHOWN_COLUMNS)), wrap="one")
    of_name = {column["name"]: column for column in model.encoding["columns"]}
    of_column = {column: effect_of(model, table, of_name[column]) for column in list(importance)[:EFFECTS]}
    limits = _limits([effect for _, effect in of_column.values()])
    effects = []
    for column, (values, effect) in of_column.items():
        classes, names = table.classes, None
        if classes is not None:
            kept = np.argsort(-effect.mean(axis=1), kind="stable")[:8] if len(effect) > 8 else slice(None)
            effect, names = effect[kept], np.array(list(map(str, classes)))[-len(effect):][kept].tolist()
            names = ["", *names] if len(effect) == 1 else names
        effects.append(_picture(plot_effects, "", values, effect, column, names, size=(4, 3),
                                ylim=limits if classes is None else None))
    return (f"{first}<p>The mean output when a column is set to each of its values in turn, and all others stay as "
            f'they are:</p><div class="pictures">{"".join(effects)}</div>')


def _limits(effects):
    """Limits that hold all effects, so that one can be compared with another."""
    low, high = min(map(np.min, effects)), max(map(np.max, effects))
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _shown(columns):
    """Say so where the picture has not all columns."""
    return f"The first {SHOWN_COLUMNS} of {columns} columns. " if columns > SHOWN_COLUMNS else ""


def effect_of(model: TableModel, table: Table, column: dict) -> tuple[list, np.ndarray]:
    """Return the values that a column is set to, and the mean output for each.

    Parameters
    ----------
    model : TableModel
    table : Table
    column : dict
        One of ``model.encoding["columns"]``.
    """
    rows = groups(model.encoding)[column["name"]]
    if column["kind"] == "levels":
        values = [*column["levels"], *["(other)"] * column["other"], *["(missing)"] * column["marked"]]
        cells = ["" if value == "(missing)" else value for value in values]
        encoded = encode_rows({column["name"]: cells}, {"columns": [column]}).X
    else:
        row = table.X[rows][0]
        values = np.linspace(*np.quantile(row, [0.02, 0.98]), POINTS)
        encoded = np.repeat(np.median(table.X[rows], axis=1)[:, np.newaxis], POINTS, axis=1)
        encoded[0] = values
        if column["marked"]:
            encoded[-1] = 0
        if column["kind"] == "date":
            values = np.datetime64("1970-01-01T00") + (24 * values).astype("timedelta64[h]")
    return list(values), mean_effect(model.parameters, table.X, rows, encoded)


def _decisions(model):
    lines = "".join(f"<li>{escape(line)}</li>" for line in summary(model.encoding))
    return f"<p>What was found in it, and what was decided:</p><ul>{lines}</ul>"


def _choice(model):
    report = model.report
    text = (f"<p>{report['networks']} networks of {report['n_h']} hidden units ({escape(report['hidden'])}), averaged "
            f"into one. The L2 regularization, l2 = {report['l2']:g}, was chosen by cross-validation.</p>")
    if not report.get("table") or len(report["table"]["l2"]) < 2:
        return text
    return text + _picture(plot_validation, "The held-out cost for each l2, and the spread of the folds.",
                           report["table"], wrap="one")


def _reproduction(model):
    report = model.report
    command = report.get("command", "train_table(path, target), in Python")
    facts = {**report["source"], "seed": report["random_state"], **report["versions"]}
    lines = "".join(f"<tr><td>{name}</td><td>{escape(str(fact))}</td></tr>" for name, fact in facts.items())
    return f"<pre>{escape(command)}</pre><table>{lines}</table>"


def _picture(draw, caption, *arguments, size=(5, 4), wrap="", ylim=None):
    """The picture as an element of the page."""
    figure = Figure(size, dpi=160, layout="constrained")
    axes = figure.subplots()
    draw(*arguments, ax=axes)
    axes.set(**({} if ylim is None else {"ylim": ylim}))
    image = io.BytesIO()
    figure.savefig(image, format="png")
    data = base64.b64encode(image.getvalue()).decode()
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    alt = escape(caption or " ".join(str(argument) for argument in arguments if isinstance(argument, str)), quote=True)
    return f'<figure class="{wrap}"><img alt="{alt}" src="data:image/png;base64,{data}">{text}</figure>'
