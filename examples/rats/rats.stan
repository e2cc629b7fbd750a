// Thirty young rats, weighed weekly for five weeks. Each has its own weight and its own rate of growth, drawn from
// a population of rats.
//
// Data: A. E. Gelfand, S. E. Hills, A. Racine-Poon and A. F. M. Smith (1990), J. American Statistical Association 85,
// table 3.
data {
  int<lower=1> rats;
  int<lower=1> weeks;
  vector[weeks] day;
  matrix[rats, weeks] weight;                      // grams
}
transformed data {
  row_vector[weeks] age = (day - mean(day))' / 7;  // in weeks, from the middle of the study
}
parameters {
  real mean_weight;
  real mean_growth;
  real<lower=0> sd_weight;
  real<lower=0> sd_growth;
  vector[rats] own_weight;
  vector[rats] own_growth;
  real<lower=0> sigma;
}
model {
  mean_weight ~ normal(250, 50);
  mean_growth ~ normal(40, 20);
  sd_weight ~ normal(0, 25);
  sd_growth ~ normal(0, 10);
  sigma ~ normal(0, 10);
  own_weight ~ normal(mean_weight, sd_weight);
  own_growth ~ normal(mean_growth, sd_growth);
  for (r in 1:rats) {
    weight[r] ~ normal(own_weight[r] + own_growth[r] * age, sigma);
  }
}
generated quantities {
  // A rat not yet weighed, at its birth and at the end.
  real weight_at_birth = mean_weight + mean_growth * (0 - mean(day)) / 7;
  real new_rat_last_week = normal_rng(mean_weight, sd_weight) + normal_rng(mean_growth, sd_growth) * age[weeks];
}
