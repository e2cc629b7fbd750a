// Are some people more prone to accidents than others? 647 women who machined shells had their accidents counted over
// five weeks. If all ran the same risk, counts would be Poisson; a negative binomial lets the risk differ.
//
// Data: M. Greenwood and G. U. Yule (1920), J. Royal Statistical Society 83, table V.
data {
  int<lower=0> most;
  array[most + 1] int<lower=0> women;          // how many had 0, 1, ..., `most` accidents
}
parameters {
  real<lower=0> mean_accidents;
  real<lower=0> unevenness;                    // sd of risk between women, divided by the mean risk
}
transformed parameters {
  real phi = inv_square(unevenness);
}
model {
  mean_accidents ~ exponential(1);
  unevenness ~ normal(0, 2);
  for (k in 0:most) {
    target += women[k + 1] * neg_binomial_2_lpmf(k | mean_accidents, phi);
  }
}
generated quantities {
  // How many of 647 would have three or more, here and if the risk were even?
  real expected_many = sum(women);
  real expected_many_if_even = sum(women);
  for (k in 0:2) {
    expected_many -= sum(women) * exp(neg_binomial_2_lpmf(k | mean_accidents, phi));
    expected_many_if_even -= sum(women) * exp(poisson_lpmf(k | mean_accidents));
  }
}
