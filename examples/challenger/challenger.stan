// Did the cold cause it? On 7 of the space shuttle's 23 flights before the Challenger's last, an O-ring showed damage.
// A logistic regression on the temperature at launch asks what to expect at 31 degrees, that morning's.
//
// Data: Report of the Presidential Commission on the Space Shuttle Challenger Accident (1986), vol. 1, p. 129 ff.
data {
  int<lower=1> flights;
  vector[flights] temperature;                       // degrees Fahrenheit
  array[flights] int<lower=0, upper=1> damaged;
  real that_morning;
}
transformed data {
  real centre = mean(temperature);
  vector[flights] warmth = (temperature - centre) / 10;
}
parameters {
  real alpha;                                        // log odds of damage at the mean temperature
  real beta;                                         // change of log odds for 10 degrees more
}
model {
  alpha ~ normal(0, 2.5);
  beta ~ normal(0, 2.5);
  damaged ~ bernoulli_logit(alpha + beta * warmth);
}
generated quantities {
  real risk_at_mean = inv_logit(alpha);
  real risk_that_morning = inv_logit(alpha + beta * (that_morning - centre) / 10);
}
