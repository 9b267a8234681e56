"""In a notebook the plots stand under the cell that draws them, once each, and the progress bar is seen."""

import nbclient
import nbformat
import pytest

CELLS = ["""\
%matplotlib inline
import matplotlib.pyplot as plt
import shallownet as sn
from shallownet.datasets import planar_flower
from shallownet.plotting import plot_cost, plot_decision_boundary
X, Y = planar_flower()
parameters = sn.initialize_parameters(2, 4, 1, random_state=3)""", """\
parameters, history = sn.train(X, Y, parameters, 200, report_every=20, callbacks=[sn.progress_bar()])""", """\
plot_decision_boundary(parameters, X, Y)
plt.title("the decision boundary")
plt.show()""", """\
plot_cost(history);""", """\
plot_decision_boundary(parameters, X, Y)
plt.title("over the points")
print([len(axes.collections) > 2 for axes in plt.gcf().axes if axes.get_title() == "over the points"])
plt.close()"""]


@pytest.fixture(scope="module")
def notebook():
    """The notebook after it was executed."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    nbclient.NotebookClient(notebook, timeout=120).execute()
    return notebook


@pytest.fixture
def outputs(notebook):
    """The outputs of each cell."""
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.parametrize("cell", [2, 3])
def test_a_plot_is_one_image(outputs, cell):
    assert sum("image/png" in output.get("data", {}) for output in outputs[cell]) == 1


def test_the_progress_bar_is_one_and_full_at_the_end(notebook, outputs):
    (bar,) = outputs[1]                                                   # and no warning beside it
    widgets = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    parts = widgets[bar["data"]["application/vnd.jupyter.widget-view+json"]["model_id"]]["state"]["children"]
    models = [widgets[part.removeprefix("IPY_MODEL_")] for part in parts]
    progress = [(model["state"]["value"], model["state"]["max"]) for model in models
                if model["model_name"] == "FloatProgressModel"]
    assert progress == [(200, 200)]
    assert any("200/200" in model["state"]["value"] and "cost" in model["state"]["value"] for model in models
               if model["model_name"] == "HTMLModel")


def test_the_title_and_the_data_are_on_one_figure(outputs):
    assert "[True]" in outputs[4][0]["text"]
