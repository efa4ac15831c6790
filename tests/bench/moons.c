/* A full-batch training step of a network of INPUTS-HIDDEN-HIDDEN-1 neurons with relu, as plain C, in two ways.

   The sizes, ALPHA and RATE are given to the compiler by by_c.py. All memory is static: there is nothing to allocate. */

#include <string.h>

typedef struct {  /* neuron by neuron its weights and, last, its bias */
    double w1[HIDDEN][INPUTS + 1], w2[HIDDEN][HIDDEN + 1], w3[HIDDEN + 1];
} Network;

enum { PARAMETERS = sizeof(Network) / sizeof(double) };

static Network net, grad;
static double examples[EXAMPLES][INPUTS];

typedef double Lanes[EXAMPLES];  /* one number of every example */
static _Alignas(64) Lanes x[INPUTS], h1[HIDDEN], h2[HIDDEN], d1[HIDDEN], d2[HIDDEN], d3, moons;

void start(const double *parameters, const double *points, const double *targets)
{
    memcpy(&net, parameters, sizeof net);
    memcpy(examples, points, sizeof examples);
    memcpy(moons, targets, sizeof moons);
    for (int n = 0; n < EXAMPLES; n++)
        for (int i = 0; i < INPUTS; i++) x[i][n] = examples[n][i];
}

/* The penalty added to the loss and to the gradient, and a step against that. */
static double update(double hinge)
{
    double squares = 0, *p = (double *)&net, *g = (double *)&grad;
    for (int k = 0; k < PARAMETERS; k++) {
        squares += p[k] * p[k];
        p[k] -= RATE * (g[k] + 2 * ALPHA * p[k]);
    }
    return hinge / EXAMPLES + ALPHA * squares;
}

/* Example after example, forward and all the way back, also where the hinge passes nothing on: as an autodiff does. */
double per_example(void)
{
    double hinge = 0;
    memset(&grad, 0, sizeof grad);
    for (int n = 0; n < EXAMPLES; n++) {
        double a1[HIDDEN], a2[HIDDEN], e1[HIDDEN] = {0}, e2[HIDDEN], score = net.w3[HIDDEN];
        for (int j = 0; j < HIDDEN; j++) {
            double z = net.w1[j][INPUTS];
            for (int i = 0; i < INPUTS; i++) z += net.w1[j][i] * examples[n][i];
            a1[j] = z > 0 ? z : 0;
        }
        for (int j = 0; j < HIDDEN; j++) {
            double z = net.w2[j][HIDDEN];
            for (int i = 0; i < HIDDEN; i++) z += net.w2[j][i] * a1[i];
            a2[j] = z > 0 ? z : 0;
        }
        for (int i = 0; i < HIDDEN; i++) score += net.w3[i] * a2[i];
        double margin = 1 - moons[n] * score;
        hinge += margin > 0 ? margin : 0;

        double e3 = margin > 0 ? -moons[n] / EXAMPLES : 0;
        for (int i = 0; i < HIDDEN; i++) {
            grad.w3[i] += e3 * a2[i];
            e2[i] = a2[i] > 0 ? e3 * net.w3[i] : 0;
        }
        grad.w3[HIDDEN] += e3;
        for (int j = 0; j < HIDDEN; j++) {
            for (int i = 0; i < HIDDEN; i++) {
                grad.w2[j][i] += e2[j] * a1[i];
                e1[i] += e2[j] * net.w2[j][i];
            }
            grad.w2[j][HIDDEN] += e2[j];
        }
        for (int j = 0; j < HIDDEN; j++) {
            double e = a1[j] > 0 ? e1[j] : 0;
            for (int i = 0; i < INPUTS; i++) grad.w1[j][i] += e * examples[n][i];
            grad.w1[j][INPUTS] += e;
        }
    }
    return update(hinge);
}

/* Number after number, each of all examples at once: every innermost loop runs over the examples, and is vectorised. */
double batched(void)
{
    double hinge = 0, bias = 0;
    for (int j = 0; j < HIDDEN; j++)
        for (int n = 0; n < EXAMPLES; n++) {
            double z = net.w1[j][INPUTS];
            for (int i = 0; i < INPUTS; i++) z += net.w1[j][i] * x[i][n];
            h1[j][n] = z > 0 ? z : 0;
        }
    for (int j = 0; j < HIDDEN; j++)
        for (int n = 0; n < EXAMPLES; n++) {
            double z = net.w2[j][HIDDEN];
            for (int i = 0; i < HIDDEN; i++) z += net.w2[j][i] * h1[i][n];
            h2[j][n] = z > 0 ? z : 0;
        }
    for (int n = 0; n < EXAMPLES; n++) {
        double score = net.w3[HIDDEN];
        for (int i = 0; i < HIDDEN; i++) score += net.w3[i] * h2[i][n];
        double margin = 1 - moons[n] * score;
        hinge += margin > 0 ? margin : 0;
        d3[n] = margin > 0 ? moons[n] * (-1.0 / EXAMPLES) : 0;
        bias += d3[n];
    }
    grad.w3[HIDDEN] = bias;

    for (int j = 0; j < HIDDEN; j++) {
        double w = net.w3[j], weight = 0, bias = 0;
        for (int n = 0; n < EXAMPLES; n++) {
            double d = d3[n] * w;
            d = h2[j][n] > 0 ? d : 0;
            d2[j][n] = d;
            weight += d3[n] * h2[j][n];
            bias += d;
        }
        grad.w3[j] = weight;
        grad.w2[j][HIDDEN] = bias;
    }
    for (int j = 0; j < HIDDEN; j += 4)  /* eight sums at a time: one alone would wait for its own last addition */
        for (int i = 0; i < HIDDEN; i += 2) {
            double sum[4][2] = {0};
            for (int n = 0; n < EXAMPLES; n++)
                for (int k = 0; k < 8; k++) sum[k / 2][k % 2] += d2[j + k / 2][n] * h1[i + k % 2][n];
            for (int k = 0; k < 8; k++) grad.w2[j + k / 2][i + k % 2] = sum[k / 2][k % 2];
        }
    for (int i = 0; i < HIDDEN; i++)
        for (int n = 0; n < EXAMPLES; n++) {
            double d = 0;
            for (int j = 0; j < HIDDEN; j++) d += net.w2[j][i] * d2[j][n];
            d1[i][n] = h1[i][n] > 0 ? d : 0;
        }
    for (int j = 0; j < HIDDEN; j++) {
        double sum[INPUTS + 1] = {0};
        for (int n = 0; n < EXAMPLES; n++) {
            for (int i = 0; i < INPUTS; i++) sum[i] += d1[j][n] * x[i][n];
            sum[INPUTS] += d1[j][n];
        }
        memcpy(grad.w1[j], sum, sizeof sum);
    }
    return update(hinge);
}
