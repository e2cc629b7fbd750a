// The head of a dummy in simulated motorcycle crashes: its acceleration, in g, over the milliseconds after impact. The
// curve is a small neural network, whose weights are parameters like any other.
//
// Data: B. W. Silverman (1985), Some aspects of the spline smoothing approach to non-parametric regression curve fitting,
// Journal of the Royal Statistical Society B 47; as in R's `mcycle`.
data {
  int<lower=1> rows;
  vector[rows] milliseconds;
  vector[rows] acceleration;
}
transformed data {
  // Networks like numbers about one.
  matrix[rows, 1] x = to_matrix((milliseconds - 25) / 13, rows, 1);
  vector[rows] y = (acceleration + 26) / 48;
}
parameters {
  network f = mlp(1, {8}, 1, activation = tanh);
  real<lower=0> tau;
  real<lower=0> sigma;
}
model {
  f ~ normal(0, tau);                     // a prior on each of its weights
  tau ~ normal(0, 2);
  sigma ~ normal(0, 1);
  y ~ normal(f(x)[:, 1], sigma);
}
generated quantities {
  // Every fifth millisecond, in g again.
  vector[12] curve;
  for (t in 1:12) curve[t] = 48 * f([(5 * t - 25) / 13.0])[1] - 26;
}
