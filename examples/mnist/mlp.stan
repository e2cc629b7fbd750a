// Which digit is it? A perceptron with two hidden layers on the images of MNIST, 28 x 28 grey values from 0 to 255.
//
// The likelihood is raised to a power, 1 / kl_discount, which is the same as a KL divergence from the prior that counts less: a million
// weights under a prior of unit variance know more than a thousand images do. With 1 it is Bayes' rule.
data {
  int<lower=1> N;
  matrix<lower=0, upper=255>[N, 784] x;
  array[N] int<lower=1, upper=10> y;                        // the digit, plus one
  int<lower=1> hidden;
  real<lower=0, upper=1> kl_discount;
}
parameters {
  network f = mlp(784, {hidden, hidden}, 10);
}
model {
  f ~ normal(0, 1);
  for (n in 1:N) {
    target += categorical_logit_lpmf(y[n] | f(x[n] / 255)) / kl_discount;
  }
}
generated quantities {
  array[N] simplex[10] probability;
  {
    matrix[N, 10] logits = f(x / 255);
    for (n in 1:N) {
      probability[n] = softmax(logits[n]');
    }
  }
}
