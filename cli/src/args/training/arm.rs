//! `--arm` of `sn3 bench convergence`.

use sn3_trainer::convergence::{Arm, Method};

/// An arm, as `sparseloco:4:30:1.0,lr=0.002,k=128`.
pub(super) fn read(text: &str) -> Result<Arm, String> {
    let mut parts = text.split(',');
    let mut arm = method(parts.next().unwrap_or_default())?;
    for part in parts {
        let wrong = || format!("{part:?} is neither lr=RATE nor k=VALUES");
        match part.split_once('=').ok_or_else(wrong)? {
            ("lr", rate) => arm.peak_lr = Some(rate.parse().map_err(|_| wrong())?),
            ("k", kept) if arm.method == Method::SparseLoCo => {
                arm.top_k = Some(kept.parse().map_err(|_| wrong())?);
            }
            _ => return Err(wrong()),
        }
    }
    Ok(arm)
}

/// The method and its numbers, as `sparseloco:4:30:1.0`.
fn method(text: &str) -> Result<Arm, String> {
    let mut parts = text.split(':');
    let method = match parts.next().unwrap_or_default() {
        "adamw" => Method::AdamW,
        "diloco" => Method::DiLoCo,
        "sparseloco" => Method::SparseLoCo,
        other => return Err(format!("{other:?} is none of adamw, diloco, sparseloco")),
    };
    let (inner_steps, outer_lr) = match method {
        Method::AdamW => (1, 1.0),
        Method::DiLoCo => (30, 0.7),
        _ => (30, 1.0),
    };
    let mut arm = Arm::new(method, 4, inner_steps, outer_lr);
    let parts: Vec<&str> = parts.collect();
    if parts.len() > if method == Method::AdamW { 1 } else { 3 } {
        return Err("too many numbers; write adamw:PEERS or sparseloco:PEERS:STEPS:OUTER_RATE".to_owned());
    }
    let number = |at: usize, own: u32| match parts.get(at) {
        Some(part) => part.parse().map_err(|_| format!("{part:?} is no number")),
        None => Ok(own),
    };
    (arm.peers, arm.inner_steps) = (number(0, arm.peers)?, number(1, arm.inner_steps)?);
    if let Some(rate) = parts.get(2) {
        arm.outer_lr = rate.parse().map_err(|_| format!("{rate:?} is no number"))?;
    }
    Ok(arm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_are_read_with_defaults() {
        let sparse = Arm::new(Method::SparseLoCo, 8, 15, 0.5);
        assert_eq!(read("sparseloco:8:15:0.5"), Ok(sparse));
        let own = Arm { peak_lr: Some(3e-3), top_k: Some(256), ..sparse };
        assert_eq!(read("sparseloco:8:15:0.5,lr=3e-3,k=256"), Ok(own));
        assert_eq!(read("diloco:2").map(|arm| (arm.peers, arm.inner_steps, arm.outer_lr)), Ok((2, 30, 0.7)));
        assert_eq!(read("adamw").map(|arm| (arm.peers, arm.inner_steps)), Ok((4, 1)));
        let wrong =
            ["sgd", "adamw:1:2", "diloco:x", "sparseloco:1:2:3:4", "adamw,lr=", "adamw,k=9", "diloco,x"];
        assert!(wrong.iter().all(|text| read(text).is_err()));
    }
}
