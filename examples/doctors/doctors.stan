// Smoking and coronary death among British doctors: deaths and person-years by age and habit. A Poisson regression
// of rates: the log of the person-years is the offset, and smoking may matter less with age.
//
// Data: R. Doll and A. B. Hill (1966), as tabulated in N. E. Breslow and N. E. Day (1987), Statistical Methods in
// Cancer Research II, p. 112.
data {
  int<lower=1> cells;
  array[cells] int<lower=1> age;               // 1: 35 to 44, ..., 5: 75 to 84
  vector<lower=0, upper=1>[cells] smokes;
  array[cells] int<lower=0> deaths;
  vector<lower=0>[cells] person_years;
}
transformed data {
  int ages = max(age);
  vector[cells] log_exposure = log(person_years / 1000);
}
parameters {
  vector[ages] log_rate;                       // of those who do not smoke, deaths in 1,000 years
  real smoking;                                // log rate ratio in the middle age group
  real smoking_by_age;                         // its change from one age group to the next
}
transformed parameters {
  vector[ages] log_ratio;
  for (a in 1:ages) {
    log_ratio[a] = smoking + smoking_by_age * (a - 3);
  }
}
model {
  log_rate ~ normal(1, 2);
  smoking ~ normal(0, 1);
  smoking_by_age ~ normal(0, 0.5);
  deaths ~ poisson_log(log_exposure + log_rate[age] + smokes .* log_ratio[age]);
}
generated quantities {
  vector[ages] rate_ratio = exp(log_ratio);
}
