// Old Faithful erupts in two ways, briefly or at length, and how long it lets one wait goes with it. A mixture of two
// normals, fitted to the lengths of 272 eruptions: which kind each was is summed over.
//
// Data: A. Azzalini and A. W. Bowman (1990), A look at some data on the Old Faithful geyser, Applied Statistics 39;
// as in R's `faithful`.
data {
  int<lower=1> eruptions;
  vector<lower=0>[eruptions] minutes;
}
parameters {
  real<lower=0, upper=1> share_short;
  positive_ordered[2] mu;              // in order, so that the two kinds cannot change places
  vector<lower=0>[2] sigma;
}
model {
  share_short ~ beta(2, 2);
  mu ~ normal(3, 2);
  sigma ~ normal(0, 1);
  for (i in 1:eruptions) {
    target += log_mix(share_short,
                      normal_lpdf(minutes[i] | mu[1], sigma[1]),
                      normal_lpdf(minutes[i] | mu[2], sigma[2]));
  }
}
generated quantities {
  // How sure can one be of the kind of an eruption of three minutes?
  real three_minutes_are_short;
  {
    real log_short = log(share_short) + normal_lpdf(3 | mu[1], sigma[1]);
    real log_long = log1m(share_short) + normal_lpdf(3 | mu[2], sigma[2]);
    three_minutes_are_short = inv_logit(log_short - log_long);
  }
}
