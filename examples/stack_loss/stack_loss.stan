// How much ammonia escapes a plant that makes nitric acid, from three settings of the plant. A few of the 21
// days are odd, so the noise has the heavy tails of a Student t, and the data say how heavy.
//
// Data: K. A. Brownlee (1960), Statistical Theory and Methodology in Science and Engineering, p. 454.
data {
  int<lower=1> days;
  int<lower=1> settings;
  matrix[days, settings] X;            // air flow, cooling water's temperature, acid's concentration
  vector[days] loss;                   // ammonia lost, tenths of a percent
}
transformed data {
  // Slopes of standardised settings share one prior.
  row_vector[settings] centre;
  row_vector[settings] scale;
  matrix[days, settings] Z;
  for (k in 1:settings) {
    centre[k] = mean(X[, k]);
    scale[k] = sd(X[, k]);
    Z[, k] = (X[, k] - centre[k]) / scale[k];
  }
}
parameters {
  real alpha;
  vector[settings] beta;
  real<lower=0> sigma;
  real<lower=1> nu;                    // degrees of freedom: 30 is nearly normal
}
model {
  alpha ~ normal(mean(loss), 10);
  beta ~ normal(0, 10);
  sigma ~ normal(0, 5);
  nu ~ gamma(2, 0.1);
  loss ~ student_t(nu, alpha + Z * beta, sigma);
}
generated quantities {
  // Slopes in the units of the plant.
  vector[settings] slope = beta ./ scale';
}
