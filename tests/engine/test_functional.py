"""grad and its kin against SymPy, and against the ways in which nested derivatives go wrong."""

import numpy as np
import pytest
import sympy

from engine import Value, cos, dot, exp, grad, gradients, hessian, jvp, log, sin, tanh, value_and_grad

X, Y = sympy.symbols("x y")

# The same expression over any kind of number, and for SymPy.
EXPRESSIONS = {
    "polynomial": (lambda x: 3 * x**4 - x**3 / 2 + x, 3 * X**4 - X**3 / 2 + X),
    "nested": (lambda x: sin(x * x) * exp(-x), sympy.sin(X * X) * sympy.exp(-X)),
    "deep": (lambda x: tanh(sin(exp(cos(x)))), sympy.tanh(sympy.sin(sympy.exp(sympy.cos(X))))),
    "quotient": (lambda x: log(1 + x * x) / (x - 3), sympy.log(1 + X * X) / (X - 3)),
    "power": (lambda x: (x + 2) ** x, (X + 2) ** X),
    "reused": (lambda x: (lambda s: s * s * s - s)(sin(x)), sympy.sin(X) ** 3 - sympy.sin(X)),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("at", [-0.7, 0.3, 1.9])
def test_derivatives_to_the_third_order_agree_with_sympy(name, at):
    ours, theirs = EXPRESSIONS[name]
    for order in (1, 2, 3):
        ours = grad(ours)
        expected = float(theirs.diff(X, order).evalf(30, subs={X: sympy.Float(at, 30)}))
        assert ours(at) == pytest.approx(expected, rel=1e-9)


def test_mixed_third_derivatives_agree_with_sympy():
    expression = sympy.exp(X * Y) * sympy.sin(Y)
    inner = grad(lambda x, y: exp(x * y) * sin(y), argnums=0)
    ours = grad(grad(inner, argnums=1), argnums=1)(0.4, -1.1)
    assert ours == pytest.approx(float(expression.diff(X, 1, Y, 2).evalf(subs={X: 0.4, Y: -1.1})), rel=1e-9)


def test_hessian_agrees_with_sympy():
    expression = X**Y + sympy.log(X) * Y
    ours = hessian(lambda x, y: x**y + log(x) * y)(1.7, 2.3)
    for i, first in enumerate((X, Y)):
        for j, second in enumerate((X, Y)):
            expected = float(expression.diff(first, second).evalf(subs={X: 1.7, Y: 2.3}))
            assert ours[i][j] == pytest.approx(expected, rel=1e-12)


def test_an_inner_derivative_is_by_its_own_variable_only():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(3.0) == 1.0  # not 2: perturbations would be confused
    assert grad(lambda x: x * grad(lambda y: x + y)(x))(3.0) == 1.0


def test_an_outer_derivative_sees_what_an_inner_function_captures():
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0


def test_numbers_in_numbers_out_and_values_in_values_out():
    assert type(grad(sin)(1.0)) is float
    x = Value(1.0)
    slope = grad(sin)(x)
    slope.backward()
    assert x.grad == pytest.approx(-sin(1.0))


def test_arguments_may_be_nested_lists():
    value, slopes = value_and_grad(lambda w, b: dot(w[0], w[1]) + b, argnums=(0, 1))([[1.0, 2.0], [3.0, 4.0]], 5.0)
    assert value == 16.0
    assert slopes == ([[3.0, 4.0], [1.0, 2.0]], 1.0)


def test_gradients_leave_grad_alone():
    x = Value(3.0)
    y = x * x
    y.backward()
    assert gradients(y * y, [x, y]) == [108.0, 18.0]
    assert (x.grad, y.grad) == (6.0, 1.0)


def test_gradients_leave_the_grad_of_an_unrelated_input_alone_too():
    x, other, untouched = Value(3.0), Value(1.0), Value(1.0)
    other.grad, before = 5.0, untouched.grad
    assert gradients(x * x, [other, untouched]) == [0.0, 0.0]
    assert other.grad == 5.0
    assert untouched.grad is before


def test_gradients_of_an_unrelated_input_are_zero():
    x, other = Value(3.0), Value(1.0)
    assert gradients(x * x, [other]) == [0.0]
    (zero,) = gradients(x * x, [other], create_graph=True)
    assert zero.data == 0.0


def test_gradients_go_no_further_than_the_inputs():
    x = Value(-2.0)
    y = x ** Value(3.0)  # its slope by the exponent is nan
    (slope,) = gradients(y, [x], create_graph=True)
    assert slope.data == 12.0


def test_create_graph_makes_a_gradient_penalty():
    w, x = Value(3.0), Value(2.0)
    (slope,) = gradients((w * x) ** 2, [x], create_graph=True)  # 2 w² x
    (slope * slope).backward()
    assert w.grad == pytest.approx(2 * slope.data * 4 * w.data * x.data)


def test_a_leaf_changed_after_forward_is_named_here_too():
    x = Value(3.0, label="x")
    y = x * x
    x.data = 4.0
    with pytest.raises(RuntimeError, match=r"x = 4\.0 was changed"):
        gradients(y, [x])


def test_jvp_takes_a_tangent_for_each_primal():
    assert jvp(lambda x, y: x * y + sin(x), (0.0, 3.0), (1.0, 10.0)) == (0.0, 4.0)
    with pytest.raises(ValueError, match="got 2 primals and 1 tangents"):
        jvp(lambda x, y: x * y, (1.0, 2.0), (1.0,))


def test_a_rate_of_0_passes_no_infinite_slope_forward():
    assert jvp(lambda x, y: x.sqrt() + 2 * y, (0.0, 3.0), (0.0, 1.0)) == (6.0, 2.0)
    value, rate = jvp(lambda x, y: x.sqrt() + 2 * y, (Value(0.0), Value(3.0)), (0.0, 1.0))
    assert (value.data, rate.data) == (6.0, 2.0)


def test_forward_over_reverse_is_the_second_derivative():
    _, second = jvp(lambda x: grad(sin)(x), (0.8,), (1.0,))
    assert second == pytest.approx(-sin(0.8))


def test_a_function_of_several_outputs_is_refused():
    with pytest.raises(TypeError, match="expected a function that returns one number, got 2; sum"):
        grad(lambda x: [x, x])(1.0)


def test_an_index_of_an_argument_may_be_numpys():
    one = np.int64(1)
    assert grad(lambda x, y: x * y, one)(2.0, 3.0) == 2.0
    assert grad(lambda x, y: x * y, [one, np.uint8(0)])(2.0, 3.0) == (2.0, 3.0)
    assert grad(lambda x, y: x * y, np.array([1, 0]))(2.0, 3.0) == (2.0, 3.0)
    with pytest.raises(TypeError, match="argnums must be an integer or a sequence of integers, got True"):
        grad(lambda x, y: x * y, True)(2.0, 3.0)


def test_arguments_that_are_not_there_are_refused():
    for argnums in (-1, 2):
        with pytest.raises(IndexError, match=f"argnums must be from 0 to 1 for 2 arguments, got {argnums}"):
            grad(lambda x, y: x * y, argnums=argnums)(2.0, 3.0)


def change_first(w):
    w[0] = w[0] * 2
    return w[0] * w[1]


def swap(w):
    w.sort()
    return 3 * w[0] + w[1] ** 2


def drop(w):
    return w.pop() * w[0]


@pytest.mark.parametrize(
    ("f", "value", "slopes"), [(change_first, 8.0, [4.0, 4.0]), (swap, 22.0, [8.0, 3.0]), (drop, 8.0, [2.0, 4.0])]
)
def test_a_function_may_change_the_lists_that_it_gets(f, value, slopes):
    w = [4.0, 2.0] if f is not change_first else [2.0, 2.0]
    before = list(w)
    assert value_and_grad(f)(w) == (value, slopes)
    assert jvp(f, (w,), ([1.0, 0.0],)) == (value, slopes[0])
    assert value_and_grad(lambda x, w: x * f(w), argnums=(0, 1))(1.0, w) == (value, (value, slopes))
    assert len(hessian(f)(w)) == 2
    assert w == before


def test_a_generator_is_taken_as_a_list():
    def f(w, x=1.0):
        return w[0] * w[0] * w[1] * x

    assert grad(f)(x for x in (2.0, 3.0)) == [12.0, 4.0]
    assert grad(lambda x, w: f(list(w), x))(1.0, iter((2.0, 3.0))) == 12.0
    assert hessian(f)(iter((2.0, 3.0))) == [[6.0, 4.0], [4.0, 0.0]]
    assert jvp(f, iter((iter((2.0, 3.0)),)), (iter((1.0, 0.0)),)) == (12.0, 12.0)


@pytest.mark.parametrize("argnums", ["0", 1.0, None, (0, "1")])
def test_an_argnum_is_an_integer(argnums):
    with pytest.raises(TypeError, match=r"must be an integer or a sequence of integers, got .*; write argnums=0"):
        grad(lambda x, y: x * y, argnums=argnums)(1.0, 2.0)


def test_a_derivative_at_nothing_is_refused():
    with pytest.raises(IndexError, match=r"needs the arguments of the function, got none; write grad\(f\)\(x\)"):
        grad(lambda x: x)()


def test_jvp_takes_all_arguments_in_a_tuple():
    for given in ((2.0, 1.0), ((2.0,), 1.0), (2.0, (1.0,))):
        with pytest.raises(TypeError, match=r"for one argument write jvp\(f, \(x,\), \(rate,\)\)"):
            jvp(lambda x: x * x, *given)


def test_gradients_are_of_values_by_values():
    x = Value(3.0)
    assert gradients(x * x, x) == [6.0]
    for output, inputs in ((5.0, [x]), (x * x, [1.0])):
        with pytest.raises(
            TypeError, match=r"gradients takes Values, got .*; for a function of numbers write grad\(f\)"
        ):
            gradients(output, inputs)
