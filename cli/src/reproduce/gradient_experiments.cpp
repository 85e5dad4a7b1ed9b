#include "experiments.hpp"

namespace metatape::cli {

std::vector<Experiment> gradient_experiments() {
  return {
      {.name = "short-horizon-bias",
       .what = "learning rates chosen for the next step, for a short run and for the whole",
       .source = "Wu, Ren, Liao and Grosse (2018)",
       .note =
           "The noisy quadratic of 100 coordinates, h_i = 1/i. On the paper's side: its formulas, "
           "evaluated in double precision; here: rates found by exact gradients through the "
           "unrolled moments, the greedy ones by one-step runs.",
       .study = short_horizon_bias},
      {.name = "chaos",
       .what = "exact gradients of long runs explode where evolution strategies stay bounded",
       .source = "Metz, Freeman, Schoenholz and Kachman (2021)",
       .note =
           "Gradient descent on x⁴/4 - x²/2 from starts in (0.1, 1). The paper has other systems: "
           "on its side stand exponents by iterating the map and its derivative, 50 starts of "
           "2,500 steps (here 1,000 at small scale), and closed forms of the logistic map.",
       .study = chaos},
      {.name = "pes-bias",
       .what = "influence balancing: where a short window goes the wrong way and PES the right one",
       .source = "Tallec and Ollivier (2018); Vicol, Metz and Sohl-Dickstein (2021)",
       .note = "θ from 0.5, optimum -1/6, an update after every step of one run, SGD at 1e-4 (UORO "
               "1e-5, too slow to arrive in 3,000 updates: forward mode shows how far that rate "
               "leads). The papers show curves: on their side stand closed forms. Pairs of ES and "
               "PES: 100 at small scale, over 3 seeds, which is few for an interval; 1,000 as in "
               "the paper "
               "at the other, over 5.",
       .study = pes_bias},
      {.name = "hypergradient",
       .what = "a network's learning rate of each step, and its momentum, by gradients through the "
               "training",
       .source = "Maclaurin, Duvenaud and Adams (2015)",
       .note =
           "784-20-10 on MNIST, 50 steps, the loss of the last one. The paper has other "
           "networks: nothing is quoted. One training of each by one seed, its meta rate tuned for "
           "neither; intervals are over fresh starts.",
       .data = "mnist",
       .study = hypergradient},
      {.name = "second-order",
       .what = "what dropping second derivatives does to the meta-gradient of an LSTM optimizer",
       .source = "Andrychowicz et al. (2016), who drop them",
       .note =
           "Random quadratics of 10 dimensions; trained without them in windows of 20 steps, and "
           "looked at on the way, a run of 20 and one of 100 steps from its start. The paper "
           "has no numbers on it. One training of each order, one seed, the same settings; "
           "intervals "
           "are over functions.",
       .study = second_order},
  };
}

}  // namespace metatape::cli
