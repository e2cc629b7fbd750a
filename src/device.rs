//! The devices that a run can be asked to compute on, by their names, and why one cannot be had.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A device by its name: `cpu`, `libtorch`, `cuda` or `cuda:1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceName {
    /// Burn's own backend on the CPU, and compiled loops.
    #[default]
    Cpu,
    /// libtorch on the CPU.
    Libtorch,
    /// libtorch on the CUDA device of this number.
    Cuda(usize),
}

/// Why a device cannot be had, and what to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DeviceError {
    /// The text names no device.
    #[error(
        "`{0}` is no device: there are `cpu`, `libtorch`, `cuda` and, where there are several, `cuda:1` and so on"
    )]
    Unknown(String),
    /// The cargo feature `tch` is off.
    #[error(
        "this program was built without libtorch, which `{0}` needs; have libtorch with `eval \"$(scripts/libtorch.sh ~/libtorch{argument})\"` \
         and build with `cargo build --release --features tch`",
        argument = if matches!(.0, DeviceName::Cuda(_)) { " cuda" } else { "" }
    )]
    WithoutLibtorch(DeviceName),
    /// The libtorch that was loaded is the one for CPUs.
    #[error(
        "`{0}`: the libtorch that this program has loaded is one for CPUs; have the one with CUDA by \
         `eval \"$(scripts/libtorch.sh ~/libtorch-cuda cuda)\"` and build again, or use `--device libtorch`"
    )]
    WithoutCuda(DeviceName),
    /// CUDA finds no device at all.
    #[error(
        "`{name}`: CUDA finds no device, {reason}; see what `nvidia-smi` says, or use `--device libtorch`"
    )]
    NoDevice {
        /// What was asked for.
        name: DeviceName,
        /// What is known of why.
        reason: &'static str,
    },
    /// There are devices, but not this one.
    #[error("`{name}`: there {} ({})", count(*.devices), numbers(*.devices))]
    NoSuchDevice {
        /// What was asked for.
        name: DeviceName,
        /// How many there are.
        devices: usize,
    },
}

fn count(devices: usize) -> String {
    match devices {
        1 => "is one CUDA device".into(),
        several => format!("are {several} CUDA devices"),
    }
}

fn numbers(devices: usize) -> String {
    match devices {
        1 => "`cuda:0`".into(),
        several => format!("`cuda:0` to `cuda:{}`", several - 1),
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceName::Cpu => write!(f, "cpu"),
            DeviceName::Libtorch => write!(f, "libtorch"),
            DeviceName::Cuda(0) => write!(f, "cuda"),
            DeviceName::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.into());
        match text {
            "cpu" => Ok(DeviceName::Cpu),
            "libtorch" => Ok(DeviceName::Libtorch),
            "cuda" => Ok(DeviceName::Cuda(0)),
            _ => {
                let index = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                index.parse().map(DeviceName::Cuda).map_err(|_| unknown())
            }
        }
    }
}

impl TryFrom<String> for DeviceName {
    type Error = DeviceError;

    fn try_from(text: String) -> Result<Self, DeviceError> {
        text.to_ascii_lowercase().parse()
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> String {
        name.to_string()
    }
}

impl DeviceName {
    /// The device, where it is there and can be used.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn device(self) -> Result<Device, DeviceError> {
        match self {
            DeviceName::Cpu => Ok(Device::flex()),
            DeviceName::Libtorch | DeviceName::Cuda(_) => libtorch(self),
        }
    }
}

#[cfg(feature = "tch")]
#[expect(
    deprecated,
    reason = "Burn is pinned to the last line of versions that has libtorch"
)]
fn libtorch(name: DeviceName) -> Result<Device, DeviceError> {
    let DeviceName::Cuda(index) = name else {
        return Ok(Device::libtorch());
    };
    // Asked for one that is not there, Burn panics.
    let devices = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
    // `has_cuda` would be false without a device, too.
    usable(name, index, tch::utils::has_cudart(), devices)?;
    Ok(Device::libtorch_cuda(index))
}

#[cfg(not(feature = "tch"))]
fn libtorch(name: DeviceName) -> Result<Device, DeviceError> {
    Err(DeviceError::WithoutLibtorch(name))
}

/// Whether there is a CUDA device of this index, given what libtorch says.
#[cfg_attr(
    not(feature = "tch"),
    expect(dead_code, reason = "only libtorch has it")
)]
fn usable(
    name: DeviceName,
    index: usize,
    has_cuda: bool,
    devices: usize,
) -> Result<(), DeviceError> {
    if !has_cuda {
        return Err(DeviceError::WithoutCuda(name));
    }
    if devices == 0 {
        let has_driver = std::path::Path::new("/proc/driver/nvidia/version").exists();
        let reason = match has_driver {
            true => "though there is a driver, which may be too old for this libtorch",
            false => "for there is no NVIDIA driver",
        };
        return Err(DeviceError::NoDevice { name, reason });
    }
    match index < devices {
        true => Ok(()),
        false => Err(DeviceError::NoSuchDevice { name, devices }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in [
            DeviceName::Cpu,
            DeviceName::Libtorch,
            DeviceName::Cuda(0),
            DeviceName::Cuda(3),
        ] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        assert_eq!("cuda:0".parse(), Ok(DeviceName::Cuda(0)));
        for wrong in ["gpu", "cuda:", "cuda:-1", "cuda1", ""] {
            assert_eq!(
                wrong.parse::<DeviceName>(),
                Err(DeviceError::Unknown(wrong.into()))
            );
        }
    }

    #[cfg(feature = "tch")]
    #[test]
    fn a_device_that_is_not_there_is_refused_with_its_reason() {
        let name = DeviceName::Cuda(2);
        let said = |has_cuda, devices| {
            let error = usable(name, 2, has_cuda, devices).map_err(|error| error.to_string());
            error.err()
        };
        assert!(said(false, 0).is_some_and(|text| text.contains("one for CPUs")));
        assert!(said(true, 0).is_some_and(|text| text.contains("finds no device")));
        let few = "`cuda:2`: there are 2 CUDA devices (`cuda:0` to `cuda:1`)";
        assert_eq!(said(true, 2).as_deref(), Some(few));
        assert_eq!(said(true, 3), None);
    }

    #[cfg(not(feature = "tch"))]
    #[test]
    fn without_libtorch_only_the_cpu_is_there() {
        assert!(DeviceName::Cpu.device().is_ok());
        let refused = DeviceName::Cuda(0)
            .device()
            .map_err(|error| error.to_string());
        let remedy =
            |text: String| text.contains("libtorch cuda") && text.contains("--features tch");
        assert!(refused.is_err_and(remedy));
    }
}
