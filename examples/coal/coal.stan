// When did mining become safer? Explosions in British coal mines that killed ten or more, year by year from 1851.
// The rate is thought to have changed once. The year of the change is an integer, so it is summed over, and drawn
// again afterwards.
//
// Data: R. G. Jarrett (1979), A note on the intervals between coal-mining disasters, Biometrika 66.
functions {
  // Log density of the data and of the year of the change, for a change after each of years 1, ..., n - 1.
  vector log_joint(array[] int so_far, real constant, real early, real late) {
    int n = size(so_far);
    vector[n - 1] joint;
    for (t in 1:(n - 1)) {
      joint[t] = constant - log(n - 1)
                 + so_far[t] * log(early) - t * early
                 + (so_far[n] - so_far[t]) * log(late) - (n - t) * late;
    }
    return joint;
  }
}
data {
  int<lower=2> years;
  int first_year;
  array[years] int<lower=0> disasters;
}
transformed data {
  // Running totals: then a change costs the same wherever it lies.
  array[years] int so_far = cumulative_sum(disasters);
  real constant = -sum(lgamma(to_vector(disasters) + 1));
}
parameters {
  real<lower=0> early;                         // disasters a year before the change
  real<lower=0> late;                          // and after it
}
model {
  early ~ gamma(2, 1);
  late ~ gamma(2, 1);
  target += log_sum_exp(log_joint(so_far, constant, early, late));
}
generated quantities {
  int last_year_of_old_rate = first_year - 1 + categorical_logit_rng(log_joint(so_far, constant, early, late));
  real fall = 1 - late / early;
}
