// Five questions of the Law School Admission Test, answered by 1,000 people. Item response: the log odds of a right
// answer are the person's ability less the question's difficulty, times how well the questions tell people apart.
// The 1,000 abilities are integrated out on a grid, so that six parameters are left.
//
// Data: R. D. Bock and M. Lieberman (1970), Fitting a response model for n dichotomously scored items,
// Psychometrika 35.
data {
  int<lower=1> items;
  int<lower=1> patterns;
  array[patterns, items] int<lower=0, upper=1> answer;
  array[patterns] int<lower=0> people;             // how many gave each pattern of answers
}
transformed data {
  // Abilities are standard normal: 25 points from -5 to 5 are as good as the integral.
  int points = 25;
  vector[points] ability = linspaced_vector(points, -5, 5);
  vector[points] log_weight;
  for (q in 1:points) {
    log_weight[q] = std_normal_lpdf(ability[q]);
  }
  log_weight -= log_sum_exp(log_weight);
}
parameters {
  vector[items] difficulty;
  real<lower=0> discrimination;
}
model {
  difficulty ~ normal(0, 3);
  discrimination ~ lognormal(0, 1);
  for (p in 1:patterns) {
    vector[points] joint = log_weight;
    for (q in 1:points) {
      joint[q] += bernoulli_logit_lpmf(answer[p] | discrimination * (ability[q] - difficulty));
    }
    target += people[p] * log_sum_exp(joint);
  }
}
generated quantities {
  // Of people of average ability, how many answer each question rightly?
  vector[items] easy = inv_logit(-discrimination * difficulty);
}
