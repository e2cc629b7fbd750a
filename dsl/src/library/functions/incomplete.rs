//! Incomplete gamma and beta functions, and the standard normal's quantile.

use firebrand_graph::Mass;

use super::pairs::aligned;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{nonnegative, positive, positive_finite, probability};
use crate::library::density::known;
use crate::library::formula::{Num, Sheet, map};
use crate::library::special::std_normal_log_quantile;
use crate::value::Value;

pub(in crate::library) const TABLE: &[Function] = &[
    Function::elementwise_pair("gamma_p", |call| {
        checked_pair(call, |a, x| a.mass(Mass::LogGammaP, [x]).exp())
    }),
    Function::elementwise_pair("gamma_q", |call| {
        checked_pair(call, |a, x| a.mass(Mass::LogGammaQ, [x]).exp())
    }),
    Function::listed("inc_beta", &["real(real, real, real)"], |call| {
        let [a, b, x] = aligned(call)?;
        call.check(&a, positive_finite("first shape"));
        call.check(&b, positive_finite("second shape"));
        call.check(&x, probability("x"));
        Ok(Value::Real(Sheet::over(call.graph, |sheet| {
            let [a, b, x] = [a, b, x].map(|x| sheet.num(x));
            let rest = 1.0 - &x;
            a.mass(Mass::LogBeta, [&b, &x, &rest]).exp().expr().clone()
        })))
    }),
    Function::elementwise("inv_Phi", inv_phi),
    Function::elementwise("std_normal_qf", inv_phi),
    Function::elementwise("std_normal_log_qf", |call| {
        let x = known(call, &call.real(0))?;
        Ok(Value::Real(map(&x, std_normal_log_quantile).into()))
    }),
];

fn checked_pair(
    call: &mut Call,
    formula: impl for<'s> FnOnce(&Num<'s>, &Num<'s>) -> Num<'s>,
) -> Result<Value, Failure> {
    let [a, x] = aligned(call)?;
    call.check(&a, positive("a"));
    call.check(&x, nonnegative("x"));
    Ok(Value::Real(Sheet::over(call.graph, |sheet| {
        formula(&sheet.num(a), &sheet.num(x)).expr().clone()
    })))
}

fn inv_phi(call: &mut Call) -> Result<Value, Failure> {
    let p = call.real(0);
    call.check(&p, probability("Probability variable"));
    Ok(Value::Real(Sheet::over(call.graph, |sheet| {
        sheet.num(p).mass(Mass::InvPhi, []).expr().clone()
    })))
}
