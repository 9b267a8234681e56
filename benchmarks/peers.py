"""The same network in scikit-learn, PyTorch and JAX, written as their users would, at their best setting.

Each peer is a class with the same methods. Data comes sample-major, ``(m, n_x)``, as they want it; the starting weights
are those of ``initialize_parameters``. ``available()`` gives those that are installed.
"""

import bisect
import contextlib
import importlib.metadata
import subprocess
import warnings

import numpy as np
from threadpoolctl import threadpool_limits

ACTIVATION = {"tanh": "tanh", "sigmoid": "logistic"}


class ScikitLearn:
    name, package = "scikit-learn", "scikit-learn"

    def __init__(self):
        from sklearn.neural_network import MLPClassifier

        self.MLPClassifier = MLPClassifier

    @contextlib.contextmanager
    def threads(self, n):
        with threadpool_limits(n), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a fixed number of iterations did not converge is the point
            yield

    def network(self, parameters, X, labels, rate, batch_size, epochs=1):
        hidden = ACTIVATION[parameters.get("hidden", "tanh")]
        model = self.MLPClassifier(
            parameters["W1"].shape[:1], activation=hidden, solver="sgd", alpha=0, batch_size=batch_size, momentum=0,
            learning_rate_init=rate, max_iter=epochs, tol=0, n_iter_no_change=epochs + 1, warm_start=True,
            shuffle=batch_size < len(X), random_state=3,
        )
        one_of_each = np.unique(labels, return_index=True)[1]
        model.set_params(batch_size=1).partial_fit(
            X[one_of_each], labels[one_of_each], classes=labels[one_of_each]  # builds what is set below
        )
        model.set_params(batch_size=batch_size)
        model.coefs_ = [np.array(parameters[W].T, order="C") for W in ("W1", "W2")]
        model.intercepts_ = [parameters[b][:, 0].copy() for b in ("b1", "b2")]
        return model

    def training(self, parameters, X, Y, rate, batch_size, epochs=1):
        labels = Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0].astype(int)
        model = self.network(parameters, X, labels, rate, batch_size, epochs)
        model.partial_fit(X, labels) if epochs == 1 else model.fit(X, labels)
        return model.loss_curve_[-1]

    def training_to_a_cost(self, parameters, X, Y, cost):
        labels = Y[:, 0].astype(int)

        def run(iterations):
            model = self.network(parameters, X, labels, 1.0, len(X))
            model.set_params(solver="lbfgs", max_iter=iterations).fit(X, labels)
            return model.loss_

        counts = range(1, 1000)  # the solver cannot stop at a cost, so the number that it needs is found before
        with self.threads(1):
            iterations = 1 + bisect.bisect_left(counts, True, key=lambda count: run(count) <= cost)
        return lambda: run(iterations)

    def fit(self, X, labels, n_h, iterations, l2):
        return self.MLPClassifier(
            (n_h,), activation="tanh", solver="lbfgs", alpha=l2, max_iter=iterations, random_state=3
        ).fit(X, labels)

    def gradient(self, parameters, X, Y):
        model = self.network(parameters, X, Y[:, 0].astype(int), 1.0, len(X))
        sizes = [parameters["W1"].shape[1], parameters["W1"].shape[0], parameters["W2"].shape[0]]

        def run():
            activations = [X] + [np.empty((len(X), size), X.dtype) for size in sizes[1:]]
            deltas = [np.empty_like(a) for a in activations[1:]]
            coefs = [np.empty_like(c) for c in model.coefs_]
            intercepts = [np.empty_like(b) for b in model.intercepts_]
            _, coefs, _ = model._backprop(X, Y, None, activations, deltas, coefs, intercepts)
            return coefs[0].T

        return run

    def prediction(self, parameters, X, labels):
        model = self.network(parameters, X, labels, 1.0, 100)
        return lambda: model.predict_proba(X)[:, 1:].T


class PyTorch:
    name, package = "PyTorch", "torch"

    def __init__(self):
        import torch

        self.torch = torch

    @contextlib.contextmanager
    def threads(self, n):
        before = self.torch.get_num_threads()
        self.torch.set_num_threads(n)
        yield
        self.torch.set_num_threads(before)

    def network(self, parameters):
        nn, torch = self.torch.nn, self.torch
        first, second = nn.Linear(*parameters["W1"].shape[::-1]), nn.Linear(*parameters["W2"].shape[::-1])
        model = nn.Sequential(first, nn.Tanh() if parameters.get("hidden", "tanh") == "tanh" else nn.Sigmoid(), second)
        model.to(torch.from_numpy(parameters["W1"]).dtype)
        with torch.no_grad():
            for layer, W, b in ((first, "W1", "b1"), (second, "W2", "b2")):
                layer.weight.copy_(torch.from_numpy(parameters[W]))
                layer.bias.copy_(torch.from_numpy(parameters[b][:, 0]))
        loss = nn.BCEWithLogitsLoss() if parameters["W2"].shape[0] == 1 else nn.CrossEntropyLoss()
        return model, loss

    def training(self, parameters, X, Y, rate, batch_size, epochs=1):
        torch, (model, loss) = self.torch, self.network(parameters)
        X = torch.from_numpy(X)
        Y = torch.from_numpy(Y if Y.shape[1] == 1 else Y.argmax(axis=1))
        optimizer = torch.optim.SGD(model.parameters(), rate)
        for _ in range(epochs):
            batches = torch.randperm(len(X)).split(batch_size) if batch_size < len(X) else [slice(None)]
            for batch in batches:
                optimizer.zero_grad()
                cost = loss(model(X[batch]), Y[batch])
                cost.backward()
                optimizer.step()
        return cost.item()

    def training_to_a_cost(self, parameters, X, Y, cost):
        X, Y = self.torch.from_numpy(X), self.torch.from_numpy(Y)

        def run():
            model, loss = self.network(parameters)
            optimizer = self.torch.optim.LBFGS(
                model.parameters(), max_iter=1, history_size=10, tolerance_grad=0, tolerance_change=0,
                line_search_fn="strong_wolfe",
            )

            def closure():
                optimizer.zero_grad()
                value = loss(model(X), Y)
                value.backward()
                return value

            for _ in range(500):
                value = optimizer.step(closure).item()  # before the step
                if value <= cost:
                    break
            return value

        return run

    def gradient(self, parameters, X, Y):
        model, loss = self.network(parameters)
        X, Y = self.torch.from_numpy(X), self.torch.from_numpy(Y)

        def run():
            model.zero_grad()
            loss(model(X), Y).backward()
            return model[0].weight.grad.numpy()

        return run

    def prediction(self, parameters, X, labels):
        model, _ = self.network(parameters)
        X = self.torch.from_numpy(X)

        def run():
            with self.torch.no_grad():
                return self.torch.sigmoid(model(X)).numpy().T

        return run


class Jax:
    name, package = "JAX", "jax"

    def __init__(self):
        import jax

        jax.config.update("jax_enable_x64", True)  # without it JAX computes in float32 whatever it is given
        self.jax, self.compiled = jax, {}

    @contextlib.contextmanager
    def threads(self, n):
        yield  # XLA fixes its threads when it starts

    def functions(self, parameters):
        jax, jnp = self.jax, self.jax.numpy
        hidden = jnp.tanh if parameters.get("hidden", "tanh") == "tanh" else jax.nn.sigmoid
        names = ("W1", "b1", "W2", "b2")
        weights = {name: jnp.asarray(parameters[name].T) for name in names}

        def logits(weights, X):
            return hidden(X @ weights["W1"] + weights["b1"]) @ weights["W2"] + weights["b2"]

        def cost(weights, X, Y):
            Z2 = logits(weights, X)
            if Z2.shape[1] == 1:
                return (jnp.logaddexp(0, Z2) - Y * Z2).mean()
            return -(Y * jax.nn.log_softmax(Z2)).sum(axis=1).mean()

        return weights, logits, cost

    def training(self, parameters, X, Y, rate, batch_size, epochs=1):
        jax, jnp = self.jax, self.jax.numpy
        weights, _, cost = self.functions(parameters)
        key = (X.shape, X.dtype, Y.shape, parameters["W1"].shape, batch_size, epochs)
        if key not in self.compiled:  # a steady state has been compiled once

            def step(weights, X, Y):
                value, grads = jax.value_and_grad(cost)(weights, X, Y)
                return jax.tree.map(lambda w, g: w - rate * g, weights, grads), value

            if batch_size < len(X):
                def run(weights, X, Y, order):
                    return jax.lax.scan(lambda w, batch: step(w, X[batch], Y[batch]), weights, order)
            else:
                def run(weights, X, Y, order):
                    return jax.lax.scan(lambda w, _: step(w, X, Y), weights, None, length=epochs)
            self.compiled[key] = jax.jit(run)
        order = np.random.RandomState(3).permutation(len(X))[: len(X) // batch_size * batch_size]
        _, costs = self.compiled[key](weights, jnp.asarray(X), jnp.asarray(Y), order.reshape(-1, batch_size))
        return float(costs[-1])

    def training_to_a_cost(self, parameters, X, Y, cost):
        """Adam: JAX by itself brings no L-BFGS that can stop at a cost."""
        jax, jnp = self.jax, self.jax.numpy
        weights, _, cost_of = self.functions(parameters)
        X, Y = jnp.asarray(X), jnp.asarray(Y)

        def step(carry):
            weights, m, v, t, _ = carry
            value, grads = jax.value_and_grad(cost_of)(weights, X, Y)
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
            weights = jax.tree.map(
                lambda w, m, v: w - 0.1 * m / (1 - 0.9**t) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), weights, m, v
            )
            return weights, m, v, t + 1, value

        zeros = jax.tree.map(jnp.zeros_like, weights)
        train = jax.jit(lambda weights: jax.lax.while_loop(
            lambda carry: carry[-1] > cost, step, (weights, zeros, zeros, 1.0, jnp.inf)
        ))
        return lambda: float(train(weights)[-1])

    def gradient(self, parameters, X, Y):
        weights, _, cost = self.functions(parameters)
        X, Y = self.jax.numpy.asarray(X), self.jax.numpy.asarray(Y)
        grad = self.jax.jit(self.jax.grad(cost))
        return lambda: np.asarray(self.jax.block_until_ready(grad(weights, X, Y))["W1"]).T

    def prediction(self, parameters, X, labels):
        weights, logits, _ = self.functions(parameters)
        X = self.jax.numpy.asarray(X)
        predict = self.jax.jit(lambda weights, X: self.jax.nn.sigmoid(logits(weights, X)))
        return lambda: np.asarray(self.jax.block_until_ready(predict(weights, X))).T


def seconds_of_nnet(X, labels, n_h, iterations, l2):
    """The median of nine fits of R's nnet; it needs Rscript with the package nnet, which comes with R."""
    rows = ";".join(",".join(map(repr, row)) for row in X.tolist())
    script = f"""
    library(nnet)
    X <- do.call(rbind, lapply(strsplit(strsplit("{rows}", ";")[[1]], ","), as.numeric))
    Y <- class.ind(c({",".join(map(str, labels.tolist()))}))
    fit <- function() nnet(X, Y, size={n_h}, softmax=TRUE, maxit={iterations}, decay={l2 / len(X)}, trace=FALSE)
    cat(median(sapply(1:9, function(k) system.time(for (i in 1:10) fit())[["elapsed"]] / 10)))
    """
    return float(subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True).stdout)


def available():
    """The peers that are installed, and the names of those that are not."""
    peers, missing = [], []
    for peer in (ScikitLearn, PyTorch, Jax):
        try:
            peers.append(peer())
        except ImportError:
            missing.append(peer.name)
    return peers, missing


def version(package):
    return importlib.metadata.version(package)
