// Dugongs grow fast when young and then hardly at all: length against age of 27 of them, on a curve that flattens to
// a largest length. The curve is not linear in its parameters, which is all that this example adds to a regression.
//
// Data: D. A. Ratkowsky (1983), Nonlinear Regression Modeling, Marcel Dekker; as in WinBUGS Examples, vol. 2.
data {
  int<lower=1> dugongs;
  vector<lower=0>[dugongs] age;                    // years
  vector<lower=0>[dugongs] length;                 // metres
}
parameters {
  real<lower=0> longest;                           // length of the old
  real<lower=0> still_to_grow;                     // how much a newborn is shorter
  real<lower=0, upper=1> persistence;              // what is left of the difference after a year
  real<lower=0> sigma;
}
model {
  longest ~ normal(2.5, 1);
  still_to_grow ~ normal(1, 1);
  persistence ~ beta(4, 1);
  sigma ~ normal(0, 0.5);
  length ~ normal(longest - still_to_grow * persistence ^ age, sigma);
}
generated quantities {
  real length_at_birth = longest - still_to_grow;
  real half_time = -log(2) / log(persistence);     // years until half of the growth is done
}
