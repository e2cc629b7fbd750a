// Does coaching help? Eight schools ran the same kind of course, and each reported the gain that it
// measured with a standard error. The schools are neither all alike nor unrelated: how far to pull each
// estimate towards the others is itself learned.
//
// Data: D. B. Rubin (1981), Estimation in parallel randomized experiments, J. Educational Statistics 6.
data {
  int<lower=1> schools;
  vector[schools] gain;                // points on the test
  vector<lower=0>[schools] std_error;
}
parameters {
  real mean_effect;
  real<lower=0> spread;                // sd of true effects between schools
  vector[schools] offset;              // each school's distance from the mean, in units of the spread
}
transformed parameters {
  vector[schools] effect = mean_effect + spread * offset;
}
model {
  mean_effect ~ normal(0, 10);
  spread ~ gamma(4, 0.8);             // some points: mean 5, sd 2.5
  offset ~ std_normal();
  gain ~ normal(effect, std_error);
}
generated quantities {
  // What a ninth school should expect.
  real new_school = normal_rng(mean_effect, spread);
  int coaching_hurts_there = new_school < 0;
}
