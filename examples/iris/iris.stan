// Which of three kinds is an iris? A softmax regression on the length and width of its sepals and petals, with probabilities for each
// flower. Fitted to 100 flowers; `iris_test.json` has 50 others, every third of each kind, whose kinds it has to predict.
//
// Data: R. A. Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of Eugenics 7, table I.
data {
  int<lower=1> flowers;
  int<lower=1> measures;
  int<lower=2> kinds;
  matrix[flowers, measures] x;                              // centimetres: sepal length and width, petal length and width
  array[flowers] int<lower=1, upper=kinds> species;         // setosa, versicolor, virginica
}
transformed data {
  // Numbers on purpose, not the mean of x: for other flowers that would be another one.
  row_vector[4] typical = [5.8, 3.1, 3.8, 1.2];
  matrix[flowers, measures] centred = x - rep_matrix(typical, flowers);
}
parameters {
  vector[kinds] alpha;
  matrix[measures, kinds] beta;
}
transformed parameters {
  matrix[flowers, kinds] logits = rep_matrix(alpha', flowers) + centred * beta;
}
model {
  alpha ~ normal(0, 2);
  to_vector(beta) ~ normal(0, 2);
  for (n in 1:flowers) {
    species[n] ~ categorical_logit(logits[n]');
  }
}
generated quantities {
  array[flowers] simplex[kinds] probability;
  vector[flowers] log_lik;
  for (n in 1:flowers) {
    probability[n] = softmax(logits[n]');
    log_lik[n] = categorical_logit_lpmf(species[n] | logits[n]');
  }
}
