"""The network in its oldest form, neuron by neuron and sample by sample, for Numba to compile.

What is here computes on a block of samples that fits the cache: ``x (n_x, n)``, ``a (n_h, n)``, ``z (n_y, n)``. The
four parameters lie in one vector ``theta``, one after the other, and their gradients in ``gradient``. The loop over the
samples is the innermost one, and nothing in it branches or calls: so it becomes SIMD instructions.
"""

import math

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

COLUMNS = 256                       # samples in a block, at least
BLOCK_NUMBERS = 2**14               # in all arrays of a block, where there are more samples: they stay in the cache
FORWARD_SIZE = 256                  # n_x n_h from which W1 X is a product of BLAS
BLAS_SIZE = 4096                    # from which the other product with the data, dZ1 X', is one too
HIDDEN = {"tanh": 0, "sigmoid": 1, "relu": 2}
COST = {"cross_entropy": 0, "softmax_cross_entropy": 1, "squared_error": 2, "brier": 3}
TANH, SIGMOID, RELU = HIDDEN.values()
CROSS_ENTROPY, SOFTMAX_CROSS_ENTROPY, SQUARED_ERROR, BRIER = COST.values()
DESCENT, MOMENTUM, ADAM = range(3)
NO_UPDATE = -1

# Python's test for a division by zero, and its order of summation, would keep the loops from becoming SIMD.
EXACT = {"error_model": "numpy", "nogil": True}
SUMS = EXACT | {"fastmath": {"reassoc", "contract", "nsz"}}


# Elementary functions: of single numbers, float32 or float64. The libraries' ones cannot be part of a SIMD loop.


def exp(x):
    """``e^x``, to 1 unit in the last place: infinite above, 0 below, with the subnormal numbers between."""


def log1p(x):
    """``log(1 + x)`` from 0 to a quarter of the largest number, to 1 unit in the last place."""


def tanh(x):
    """Hyperbolic tangent, to 2.6 units in the last place."""


class Precision:
    """The constants of a precision: what rounds to integers, ln 2 in two parts, Taylor's and Remez' coefficients."""

    def __init__(self, T, integer, degree, ln2_high, ln2_low, log_coefficients):
        bits = np.finfo(T).nmant
        self.T, self.integer, self.bits = T, integer, integer(bits)
        self.bias = integer(np.finfo(T).maxexp - 1)
        self.shift = T(1.5 * 2**bits)                 # adding it and taking it away rounds to an integer
        self.log2_e, self.ln2_high, self.ln2_low = T(1 / math.log(2)), T(ln2_high), T(ln2_low)
        self.taylor = tuple(T(1 / math.factorial(k)) for k in range(degree, 1, -1))
        self.log_coefficients = tuple(map(T, log_coefficients))
        self.lowest = T(np.log(np.finfo(T).smallest_subnormal) - 1)
        self.highest = T(np.log(np.finfo(T).max) + 1)
        self.saturated = T(-2 * (bits + 2))           # e^x is nothing beside 1
        self.root_2 = T(math.sqrt(2))


PRECISION = {
    types.float64: Precision(
        np.float64, np.int64, 13, 6.93147180369123816490e-01, 1.90821492927058770002e-10,
        (1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
         2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01),
    ),
    types.float32: Precision(
        np.float32, np.int32, 7, 0.693359375, -2.12194440e-4,
        (0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693),
    ),
}


@intrinsic
def bits_of(typing_context, x):
    """The bits of a number, as an integer."""
    integer = types.int64 if x == types.float64 else types.int32

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(integer))

    return integer(x), codegen


@intrinsic
def number_of(typing_context, bits):
    """The number with these bits."""
    number = types.float64 if bits == types.int64 else types.float32

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(number))

    return number(bits), codegen


def elementary(function):
    """Let Numba take for ``function`` what the decorated one makes of the constants of its argument's precision."""

    def decorate(define):
        overload(function, jit_options={"error_model": "numpy", "fastmath": {"contract"}})(
            lambda x: define(PRECISION[x]) if x in PRECISION else None
        )
        return define

    return decorate


@intrinsic
def polynomial(typing_context, coefficients, x):
    """Horner's rule written out, the highest power first: a loop would keep the one around it from becoming SIMD."""

    def codegen(context, builder, signature, arguments):
        (p, *others), x = cgutils.unpack_tuple(builder, arguments[0]), arguments[1]
        for coefficient in others:
            p = builder.fadd(builder.fmul(p, x, flags=["contract"]), coefficient, flags=["contract"])
        return p

    return x(coefficients, x), codegen


@numba.njit(error_model="numpy", fastmath={"contract"})
def reduced(x, log2_e, shift, ln2_high, ln2_low, taylor):
    """Return ``n`` with the rounding constant still on it, and ``e^r - 1`` for the ``r`` in ``x = n log 2 + r``."""
    shifted = x * log2_e + shift
    n = shifted - shift
    r = x - n * ln2_high - n * ln2_low                # Cody and Waite: the first product is exact
    return shifted, polynomial(taylor, r) * r * r + r


@elementary(exp)
def define_exp(c):
    log2_e, shift, ln2_high, ln2_low, taylor = c.log2_e, c.shift, c.ln2_high, c.ln2_low, c.taylor
    lowest, highest, bias, bits, one, integer = c.lowest, c.highest, c.bias, c.bits, c.T(1), c.integer

    def exp(x):
        x = lowest if x < lowest else x               # so written, NaN stays NaN
        x = highest if x > highest else x
        shifted, q = reduced(x, log2_e, shift, ln2_high, ln2_low, taylor)
        n = bits_of(shifted) - bits_of(shift)
        half = n >> 1                                 # 2^n in two factors: one alone may not be a normal number
        return (q + one) * number_of(integer((half + bias) << bits)) * number_of(integer((n - half + bias) << bits))

    return exp


@elementary(log1p)
def define_log1p(c):
    coefficients, ln2_high, ln2_low, root_2 = c.log_coefficients, c.ln2_high, c.ln2_low, c.root_2
    bias, bits, integer, zero, half, one, two = c.bias, c.bits, c.integer, c.T(0), c.T(0.5), c.T(1), c.T(2)
    T = c.T

    def log1p(x):                                     # 1 + x = 2^n (1 + f), after fdlibm
        u = one + x
        lost = (x - (u - one)) / u                    # of x, in 1 + x
        n = (bits_of(u * root_2) >> bits) - bias      # so that 1 + f lies between the roots of 1/2 and 2
        f = u * number_of(integer((bias - n) << bits)) - one
        f = x if n == 0 else f                        # every digit of it
        lost = zero if n == 0 else lost
        s = f / (two + f)
        square = s * s
        rest = polynomial(coefficients, square) * square
        halved = half * f * f
        return T(n) * ln2_high - ((halved - (s * (halved + rest) + (T(n) * ln2_low + lost))) - f)

    return log1p


@elementary(tanh)
def define_tanh(c):
    log2_e, shift, ln2_high, ln2_low, taylor = c.log2_e, c.shift, c.ln2_high, c.ln2_low, c.taylor
    saturated, bias, bits, integer = c.saturated, c.bias, c.bits, c.integer
    zero, one, two = c.T(0), c.T(1), c.T(2)

    def tanh(x):                                      # (e^-2|x| - 1) / (e^-2|x| + 1)
        y = abs(x) * -two
        y = saturated if y < saturated else y
        shifted, q = reduced(y, log2_e, shift, ln2_high, ln2_low, taylor)
        power = number_of(integer((bits_of(shifted) - bits_of(shift) + bias) << bits))
        e = power * q + (power - one)                 # e^-2|x| - 1, every digit of it
        a = -e / (e + two)
        return a if x >= zero else -a

    return tanh


@intrinsic
def unit_stride(typing_context, row):
    """The same row for the compiler to know that its values lie side by side, as the caller has made sure."""
    return types.Array(row.dtype, 1, "C", readonly=not row.mutable)(row), _the_same


def _the_same(context, builder, signature, arguments):
    return impl_ret_borrowed(context, builder, signature.return_type, arguments[0])


# The tables of activations and costs, on the arrays of a block and in place


@numba.njit(**SUMS)
def hidden_activation(hidden, A):
    """``A1 = g(Z1)``."""
    half, zero, a = A.dtype.type(0.5), A.dtype.type(0), A.ravel()
    if hidden == TANH:
        for j in range(len(a)):
            a[j] = tanh(a[j])
    elif hidden == SIGMOID:
        for j in range(len(a)):
            a[j] = half * tanh(half * a[j]) + half
    elif hidden == RELU:
        for j in range(len(a)):
            a[j] = zero if a[j] < zero else a[j]


@numba.njit(**SUMS)
def times_hidden_derivative(hidden, A, D):
    """``dZ1 = dA1 g'(Z1)``, written in ``A1``."""
    one, zero, a, d = A.dtype.type(1), A.dtype.type(0), A.ravel(), D.ravel()
    if hidden == TANH:
        for j in range(len(a)):
            d[j] *= one - a[j] * a[j]
    elif hidden == SIGMOID:
        for j in range(len(a)):
            d[j] *= a[j] * (one - a[j])
    elif hidden == RELU:
        for j in range(len(a)):
            d[j] = d[j] if a[j] > zero else zero


@numba.njit(**SUMS)
def largest(Z, top):
    """The largest logit of each sample."""
    for j in range(len(top)):
        top[j] = Z[0, j]
    for o in range(1, len(Z)):
        z = Z[o]
        for j in range(len(top)):
            top[j] = top[j] if top[j] > z[j] else z[j]


@numba.njit(**SUMS)
def cost_of_logits(cost, Z, Y, w, top, others):
    """The sum of the samples' costs, each times its weight ``w``."""
    half, zero, one = Z.dtype.type(0.5), Z.dtype.type(0), Z.dtype.type(1)
    total = zero
    if cost == CROSS_ENTROPY:
        for o in range(len(Z)):
            z, y = Z[o], Y[o]
            for j in range(len(w)):
                total += w[j] * ((z[j] if z[j] > zero else zero) - y[j] * z[j] + log1p(exp(-abs(z[j]))))
    elif cost == SOFTMAX_CROSS_ENTROPY:
        largest(Z, top)
        for j in range(len(w)):
            others[j] = -one                          # the largest itself; what is as large adds to it
        for o in range(len(Z)):
            z, y = Z[o], Y[o]
            for j in range(len(w)):
                total -= w[j] * y[j] * (z[j] - top[j])
                others[j] += one if z[j] == top[j] else zero
        for o in range(len(Z)):
            z = Z[o]
            for j in range(len(w)):
                others[j] += zero if z[j] == top[j] else exp(z[j] - top[j])
        for j in range(len(w)):
            total += w[j] * log1p(others[j])
    elif cost == SQUARED_ERROR:
        for o in range(len(Z)):
            z, y = Z[o], Y[o]
            for j in range(len(w)):
                total += w[j] * (z[j] - y[j]) * (z[j] - y[j])
    elif cost == BRIER:
        for o in range(len(Z)):
            z, y = Z[o], Y[o]
            for j in range(len(w)):
                distance = half * tanh(half * z[j]) + half - y[j]
                total += w[j] * distance * distance
    return total


@numba.njit(**SUMS)
def output_activation(cost, Z, top, total):
    """``A2 = g_output(Z2)``."""
    half, zero, one = Z.dtype.type(0.5), Z.dtype.type(0), Z.dtype.type(1)
    if cost == CROSS_ENTROPY or cost == BRIER:
        for o in range(len(Z)):
            z = Z[o]
            for j in range(len(z)):
                z[j] = half * tanh(half * z[j]) + half
    elif cost == SOFTMAX_CROSS_ENTROPY:
        largest(Z, top)
        for j in range(len(total)):
            total[j] = zero
        for o in range(len(Z)):
            z = Z[o]
            for j in range(len(z)):
                z[j] = exp(z[j] - top[j])
                total[j] += z[j]
        for j in range(len(total)):
            total[j] = one / total[j]
        for o in range(len(Z)):
            z = Z[o]
            for j in range(len(z)):
                z[j] *= total[j]


@numba.njit(**SUMS)
def delta(cost, A, Y, w):
    """``dZ2`` from ``A2``, each sample times its weight ``w``."""
    one, two = A.dtype.type(1), A.dtype.type(2)
    for o in range(len(A)):
        a, y = A[o], Y[o]
        if cost == SQUARED_ERROR:
            for j in range(len(w)):
                a[j] = two * (a[j] - y[j]) * w[j]
        elif cost == BRIER:
            for j in range(len(w)):
                a[j] = two * (a[j] - y[j]) * a[j] * (one - a[j]) * w[j]
        else:
            for j in range(len(w)):
                a[j] = (a[j] - y[j]) * w[j]


# Products. Two rows and four columns of the weights at a time stay in registers.


@numba.njit(**SUMS)
def weighted_sums(W, b, X, Z):
    """``Z = W X + b``."""
    for i in range(len(Z)):
        z, x, w, bias = Z[i], X[0], W[i, 0], b[i]
        for j in range(len(x)):
            z[j] = w * x[j] + bias
    pairs, fours = len(W) // 2 * 2, 1 + (len(X) - 1) // 4 * 4
    for i in range(0, pairs, 2):
        z0, z1, w0, w1 = Z[i], Z[i + 1], W[i], W[i + 1]
        for k in range(1, fours, 4):
            x0, x1, x2, x3 = X[k], X[k + 1], X[k + 2], X[k + 3]
            for j in range(X.shape[1]):
                z0[j] += w0[k] * x0[j] + w0[k + 1] * x1[j] + w0[k + 2] * x2[j] + w0[k + 3] * x3[j]
                z1[j] += w1[k] * x0[j] + w1[k + 1] * x1[j] + w1[k + 2] * x2[j] + w1[k + 3] * x3[j]
        for k in range(fours, len(X)):
            x = X[k]
            for j in range(X.shape[1]):
                z0[j] += w0[k] * x[j]
                z1[j] += w1[k] * x[j]
    for i in range(pairs, len(W)):
        z, w = Z[i], W[i]
        for k in range(1, fours, 4):
            x0, x1, x2, x3 = X[k], X[k + 1], X[k + 2], X[k + 3]
            for j in range(X.shape[1]):
                z[j] += w[k] * x0[j] + w[k + 1] * x1[j] + w[k + 2] * x2[j] + w[k + 3] * x3[j]
        for k in range(fours, len(X)):
            x = X[k]
            for j in range(X.shape[1]):
                z[j] += w[k] * x[j]


@numba.njit(**SUMS)
def backward_sums(W, D, dA):
    """``dA = W' dZ``."""
    for i in range(len(dA)):
        a, d, w = dA[i], D[0], W[0, i]
        for j in range(len(d)):
            a[j] = w * d[j]
        for o in range(1, len(D)):
            d, w = D[o], W[o, i]
            for j in range(len(d)):
                a[j] += w * d[j]


@numba.njit(**SUMS)
def add_products(D, X, dW):
    """``dW += dZ X'``."""
    zero = D.dtype.type(0)
    pairs, fours = len(D) // 2 * 2, len(X) // 4 * 4
    for i in range(0, pairs, 2):
        d0, d1 = D[i], D[i + 1]
        for k in range(0, fours, 4):
            x0, x1, x2, x3 = X[k], X[k + 1], X[k + 2], X[k + 3]
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = zero
            for j in range(X.shape[1]):
                s00 += d0[j] * x0[j]
                s01 += d0[j] * x1[j]
                s02 += d0[j] * x2[j]
                s03 += d0[j] * x3[j]
                s10 += d1[j] * x0[j]
                s11 += d1[j] * x1[j]
                s12 += d1[j] * x2[j]
                s13 += d1[j] * x3[j]
            dW[i, k] += s00
            dW[i, k + 1] += s01
            dW[i, k + 2] += s02
            dW[i, k + 3] += s03
            dW[i + 1, k] += s10
            dW[i + 1, k + 1] += s11
            dW[i + 1, k + 2] += s12
            dW[i + 1, k + 3] += s13
        for k in range(fours, len(X)):
            x = X[k]
            s0 = s1 = zero
            for j in range(len(x)):
                s0 += d0[j] * x[j]
                s1 += d1[j] * x[j]
            dW[i, k] += s0
            dW[i + 1, k] += s1
    for i in range(pairs, len(D)):
        d = D[i]
        for k in range(0, fours, 4):
            x0, x1, x2, x3 = X[k], X[k + 1], X[k + 2], X[k + 3]
            s0 = s1 = s2 = s3 = zero
            for j in range(X.shape[1]):
                s0 += d[j] * x0[j]
                s1 += d[j] * x1[j]
                s2 += d[j] * x2[j]
                s3 += d[j] * x3[j]
            dW[i, k] += s0
            dW[i, k + 1] += s1
            dW[i, k + 2] += s2
            dW[i, k + 3] += s3
        for k in range(fours, len(X)):
            x, s = X[k], zero
            for j in range(len(x)):
                s += d[j] * x[j]
            dW[i, k] += s


@numba.njit(**SUMS)
def add_sums(D, db):
    """``db += sum of dZ`` over the samples."""
    for i in range(len(D)):
        d, s = D[i], D.dtype.type(0)
        for j in range(len(d)):
            s += d[j]
        db[i] += s


@numba.njit(**EXACT)
def add_bias(b, Z):
    """``Z += b``."""
    for i in range(len(Z)):
        for j in range(Z.shape[1]):
            Z[i, j] += b[i]


@numba.njit(**EXACT)
def add_times(factor, W, dW):
    """``dW += factor W``."""
    for i in range(len(W)):
        for k in range(W.shape[1]):
            dW[i, k] += factor * W[i, k]


@numba.njit(**SUMS)
def squares(W):
    """``sum of W**2``."""
    total = 0.0
    for i in range(len(W)):
        for k in range(W.shape[1]):
            total += W[i, k] * W[i, k]
    return total


# A block of samples


@numba.njit(**EXACT)
def split(vector, n_x, n_h, n_y):
    """The vector's parts W1, b1, W2, b2."""
    W1, rest = vector[:n_h * n_x], vector[n_h * n_x:]
    b1, W2, b2 = rest[:n_h], rest[n_h:n_h + n_y * n_h], rest[n_h + n_y * n_h:]
    return W1.reshape(n_h, n_x), b1, W2.reshape(n_y, n_h), b2


@numba.njit(**EXACT)
def column(samples, j):
    """The number of the column that sample ``j`` is in: of all samples if no others are listed."""
    return samples[j] if len(samples) else j


@numba.njit(**EXACT)
def gather(X, samples, start, x):
    """Copy the columns of samples ``start, start + 1, ...`` into ``x (n_x, n)``, row by row."""
    n = x.shape[1]
    together = len(samples) == 0 and X.strides[1] == X.itemsize
    for k in range(len(x)):
        if together:
            row = unit_stride(X[k, start:start + n])
            for j in range(n):
                x[k, j] = row[j]
        else:
            for j in range(n):
                x[k, j] = X[k, column(samples, start + j)]


@numba.njit(**EXACT)
def gather_samples(X, samples, start, x):
    """Copy the columns of samples ``start, start + 1, ...`` into ``x (n, n_x)``, sample by sample."""
    together = X.strides[0] == X.itemsize
    for j in range(len(x)):
        c = column(samples, start + j)
        if together:
            sample = unit_stride(X[:, c])
            for k in range(len(sample)):
                x[j, k] = sample[k]
        else:
            for k in range(x.shape[1]):
                x[j, k] = X[k, c]


@numba.njit(**EXACT)
def columns(n_x, n_h, n_y):
    """How many samples make a block; small layers take four times as many."""
    return max(COLUMNS, min(4 * COLUMNS, BLOCK_NUMBERS // (n_x + 2 * n_h + 2 * n_y + 3) // COLUMNS * COLUMNS))


@numba.njit(**EXACT)
def workspace(T, n_x, n_h, n_y):
    """Room for the arrays of a block."""
    return np.empty((n_x + 2 * n_h + 2 * n_y + 3) * columns(n_x, n_h, n_y), T)


@numba.njit(**EXACT)
def block(space, n_x, n_h, n_y, n):
    """The arrays of a block of ``n`` samples: x, a, d, z, y and three rows."""
    x, rest = space[:n_x * n], space[n_x * n:]
    a, d, rest = rest[:n_h * n], rest[n_h * n:2 * n_h * n], rest[2 * n_h * n:]
    z, y, rest = rest[:n_y * n], rest[n_y * n:2 * n_y * n], rest[2 * n_y * n:]
    rows = rest[:3 * n].reshape(3, n)
    return x, a.reshape(n_h, n), d.reshape(n_h, n), z.reshape(n_y, n), y.reshape(n_y, n), rows[0], rows[1], rows[2]


@numba.njit(**EXACT)
def hidden_sums(W1, b1, X, samples, first, x, Z1):
    """``Z1 = W1 X + b1`` of a block of samples, which are copied into ``x`` as the product needs them."""
    n_h, n_x = W1.shape
    n = Z1.shape[1]
    if n_x * n_h >= BLAS_SIZE:
        x = x.reshape(n, n_x)
        gather_samples(X, samples, first, x)
        np.dot(W1, x.T, Z1)
        add_bias(b1, Z1)
        return
    x = x.reshape(n_x, n)
    gather(X, samples, first, x)
    if n_x * n_h >= FORWARD_SIZE:
        np.dot(W1, x, Z1)
        add_bias(b1, Z1)
    else:
        weighted_sums(W1, b1, x, Z1)


@numba.njit(**EXACT)
def add_hidden_gradient(D, x, dW1, db1):
    """``dW1 += dZ1 X'`` and ``db1 += sum of dZ1``, with the block that ``hidden_sums`` has copied."""
    n_h, n_x = dW1.shape
    n = D.shape[1]
    if n_x * n_h >= BLAS_SIZE:
        add_times(D.dtype.type(1), np.dot(D, x.reshape(n, n_x)), dW1)
    else:
        add_products(D, x.reshape(n_x, n), dW1)
    add_sums(D, db1)


@numba.njit(**EXACT)
def add_gradient(hidden, cost, theta, n_h, X, Y, weight, samples, start, stop, factor, with_cost, gradient, space):
    """Add to ``gradient`` what the samples give, each with ``factor`` times its weight; return their cost."""
    n_x, n_y = len(X), len(Y)
    W1, b1, W2, b2 = split(theta, n_x, n_h, n_y)
    dW1, db1, dW2, db2 = split(gradient, n_x, n_h, n_y)
    size, total = columns(n_x, n_h, n_y), 0.0
    for first in range(start, stop, size):
        n = min(size, stop - first)
        x, a, d, z, y, w, top, others = block(space, n_x, n_h, n_y, n)
        for j in range(n):
            w[j] = factor * weight[0, column(samples, first + j)] if weight.shape[1] else factor
        gather(Y, samples, first, y)

        hidden_sums(W1, b1, X, samples, first, x, a)  # Z1 = W1 X + b1
        hidden_activation(hidden, a)                  # A1 = g(Z1)
        weighted_sums(W2, b2, a, z)                   # Z2 = W2 A1 + b2
        if with_cost:
            total += cost_of_logits(cost, z, y, w, top, others)
        output_activation(cost, z, top, others)       # A2 = g_output(Z2)

        delta(cost, z, y, w)                          # dZ2
        add_products(z, a, dW2)                       # dW2 = dZ2 A1'
        add_sums(z, db2)                              # db2 = sum of dZ2
        backward_sums(W2, z, d)                       # dA1 = W2' dZ2
        times_hidden_derivative(hidden, a, d)         # dZ1 = dA1 g'(Z1)
        add_hidden_gradient(d, x, dW1, db1)           # dW1 = dZ1 X', db1 = sum of dZ1
    return total


# What compiled.py compiles


def write_output(hidden, cost, theta, n_h, X, out):
    """Write ``A2`` of all columns into ``out``; return a number that is finite if ``X`` is."""
    n_x, n_y = len(X), len(out)
    W1, b1, W2, b2 = split(theta, n_x, n_h, n_y)
    samples, space = np.empty(0, np.int64), workspace(theta.dtype, n_x, n_h, n_y)
    size, total = columns(n_x, n_h, n_y), 0.0
    for first in range(0, X.shape[1], size):
        n = min(size, X.shape[1] - first)
        x, a, _, z, _, _, top, others = block(space, n_x, n_h, n_y, n)
        hidden_sums(W1, b1, X, samples, first, x, a)
        for j in range(n):
            total += a[0, j]                          # NaN and infinity show in every hidden unit
        hidden_activation(hidden, a)
        weighted_sums(W2, b2, a, z)
        output_activation(cost, z, top, others)
        for o in range(n_y):
            for j in range(n):
                out[o, first + j] = z[o, j]
    return total


@numba.njit(**EXACT)
def update(rule, theta, gradient, moments, t, rate, beta1, beta2, epsilon):
    """The optimizers' formulas, each operation rounded as NumPy rounds it: the same bits."""
    T = theta.dtype.type
    rate_, first, second = T(rate), T(beta1), T(beta2)
    first_rest, second_rest, epsilon_ = T(1 - beta1), T(1 - beta2), T(epsilon)
    if rule == DESCENT:
        for i in range(len(theta)):
            theta[i] -= rate_ * gradient[i]
    elif rule == MOMENTUM:
        v = moments[0]
        for i in range(len(theta)):
            v[i] = first * v[i] + first_rest * gradient[i]
            theta[i] -= rate_ * v[i]
    elif rule == ADAM:
        m, v = moments[0], moments[1]
        m_correction, v_correction = T(1 - beta1**float(t)), T(1 - beta2**float(t))
        for i in range(len(theta)):
            m[i] = first * m[i] + first_rest * gradient[i]
            v[i] = second * v[i] + second_rest * (gradient[i] * gradient[i])
            mhat = m[i] / m_correction
            vhat = v[i] / v_correction
            theta[i] -= rate_ * mhat / (np.sqrt(vhat) + epsilon_)


def descend(
    rule, hidden, cost, n_h, theta, moments, gradient, X, Y, weight, samples, bounds, l2, t, rates, beta1, beta2,
    epsilon, with_cost, costs, weights,
):
    """Update ``theta`` once for each of the rates and return how often; end before a cost or gradient that is infinite.

    Update ``k`` takes the samples between ``bounds[k]`` and ``bounds[k + 1]``. Without a rule there is no update: the
    gradient of the first batch stays in ``gradient``.
    """
    n_x, n_y = len(X), len(Y)
    W1, _, W2, _ = split(theta, n_x, n_h, n_y)
    dW1, _, dW2, db2 = split(gradient, n_x, n_h, n_y)
    half, l2_ = 0.5 * l2, theta.dtype.type(l2)
    space = workspace(theta.dtype, n_x, n_h, n_y)
    for k in range(len(rates)):
        start, stop = (bounds[k], bounds[k + 1]) if len(samples) else (bounds[0], bounds[1])
        total = float(stop - start)
        if weight.shape[1]:
            total = 0.0
            for j in range(start, stop):
                total += weight[0, column(samples, j)]
        weights[k] = total
        factor = theta.dtype.type(1 / total if total else 1.0)
        for i in range(len(gradient)):
            gradient[i] = 0
        costs[k] = add_gradient(
            hidden, cost, theta, n_h, X, Y, weight, samples, start, stop, factor, with_cost, gradient, space
        )
        if l2 and total:                              # l2 is that of a unit of weight
            add_times(l2_, W1, dW1)
            add_times(l2_, W2, dW2)
            if with_cost:
                costs[k] += half * (squares(W1) + squares(W2))
        if rule == NO_UPDATE:
            return 1
        if not math.isfinite(costs[k] if with_cost else db2[0]):
            return k
        update(rule, theta, gradient, moments, t + k + 1, rates[k], beta1, beta2, epsilon)
    return len(rates)
