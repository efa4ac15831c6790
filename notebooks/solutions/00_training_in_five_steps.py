"""Solutions of lesson 00."""

# %% exercise 1
# The output is 3 · 5 + 2 = 17. The error is 17 - 20 = -3: it charges 3 € too little. Its square is (-3) · (-3) = 9.
squared_error = 9
check("00.1", squared_error)

# %% exercise 2
# new = old - rate · gradient, for each on its own:
# w: 3 - 0.01 · (-30) = 3 + 0.3 = 3.3, and b: 2 - 0.01 · (-6) = 2 + 0.06 = 2.06.
# Both gradients are negative: the loss shrinks if w and b grow. So both grow, and w more, as it is multiplied by 5 km.
new_parameters = [3.3, 2.06]
check("00.2", new_parameters)


# %% exercise 3
# The five steps in a loop. After the loop the output is computed once more: the last `output` inside it dates from
# before the last adjustment.
def learn(km, price, steps, rate):
    w, b = Value(1.0), Value(1.0)
    for _ in range(steps):
        output = w * km + b
        loss = (output - price) ** 2
        loss.zero_grad()
        loss.backward()
        w.data -= rate * w.grad
        b.data -= rate * b.grad
    return w.data * km + b.data


check("00.3", learn)
