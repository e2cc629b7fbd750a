// Weeks that patients with leukaemia stayed in remission, with the drug 6-MP or with a placebo. Some were still in
// remission when the trial ended: of those it is known only that the time was longer.
//
// Data: E. J. Freireich et al. (1963), Blood 21; as in D. R. Cox (1972), J. Royal Statistical Society B 34.
data {
  int<lower=1> patients;
  vector<lower=0>[patients] weeks;
  array[patients] int<lower=0, upper=1> ended;     // 0: still in remission
  array[patients] int<lower=0, upper=1> treated;
}
parameters {
  real<lower=0> shape;                             // above 1, the longer it lasted the sooner it ends
  real log_scale;
  real benefit;                                    // of the drug, on the log of time
}
model {
  shape ~ lognormal(0, 0.5);
  log_scale ~ normal(2, 1);
  benefit ~ normal(0, 1);
  for (i in 1:patients) {
    real scale = exp(log_scale + benefit * treated[i]);
    if (ended[i]) {
      weeks[i] ~ weibull(shape, scale);
    } else {
      target += weibull_lccdf(weeks[i] | shape, scale);
    }
  }
}
generated quantities {
  real median_placebo = exp(log_scale) * log(2) ^ inv(shape);
  real median_treated = exp(log_scale + benefit) * log(2) ^ inv(shape);
  real hazard_ratio = exp(-shape * benefit);
}
