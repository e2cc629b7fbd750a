// How much carbon disulphide kills half of the beetles? Eight groups of flour beetles met eight doses for five hours.
// The link is that of the complementary log-log: the curve need not be symmetric.
//
// Data: C. I. Bliss (1935), The calculation of the dosage-mortality curve, Annals of Applied Biology 22.
data {
  int<lower=1> groups;
  vector[groups] log_dose;                         // log10 of mg/l
  array[groups] int<lower=0> beetles;
  array[groups] int<lower=0> killed;
}
transformed data {
  real centre = mean(log_dose);
  vector[groups] dose = (log_dose - centre) * 10;
}
parameters {
  real alpha;
  real<lower=0> beta;                              // more poison does not heal
}
model {
  alpha ~ normal(0, 2);
  beta ~ normal(0, 5);
  killed ~ binomial(beetles, inv_cloglog(alpha + beta * dose));
}
generated quantities {
  // The dose that kills half: 1 - exp(-exp(x)) = 1/2 at x = log(log(2)).
  real log_dose_half = centre + (log(log(2)) - alpha) / beta / 10;
  array[groups] int replicated = binomial_rng(beetles, inv_cloglog(alpha + beta * dose));
}
