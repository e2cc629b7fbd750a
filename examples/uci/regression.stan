// A number from other numbers: a perceptron with one hidden layer of 50 units, and normal noise of unknown size. Inputs and outputs are
// brought to mean zero and variance one of the training rows, whatever rows they are.
data {
  int<lower=1> N;
  int<lower=1> inputs;
  array[N] vector[inputs] x;
  vector[N] y;
  vector[inputs] x_mean;
  vector<lower=0>[inputs] x_sd;
  real y_mean;
  real<lower=0> y_sd;
}
parameters {
  network f = mlp(inputs, {50}, 1);
  real<lower=0> sigma;
}
model {
  f ~ normal(0, 1);
  sigma ~ normal(0, 1);
  for (n in 1:N) {
    y[n] ~ normal(y_mean + y_sd * f((x[n] - x_mean) ./ x_sd)[1], y_sd * sigma);
  }
}
generated quantities {
  vector[N] mu;
  vector[N] log_lik;
  for (n in 1:N) {
    mu[n] = y_mean + y_sd * f((x[n] - x_mean) ./ x_sd)[1];
    log_lik[n] = normal_lpdf(y[n] | mu[n], y_sd * sigma);
  }
}
