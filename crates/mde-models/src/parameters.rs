//! Named parameters of a network: initialised from a seed, trained and saved. `import` loads them
//! from files.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::{Init, VarBuilder, var_builder::SimpleBackend};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// All parameters and running statistics of one network, ordered by name.
///
/// Unlike in candle's `VarMap`, initial values depend only on the seed and the name, and the
/// iteration order is fixed. Both are needed to reproduce a run bit by bit.
#[derive(Debug, Clone)]
pub struct Parameters {
    store: Arc<Store>,
    device: Device,
}

#[derive(Debug)]
struct Store {
    /// `None` leaves all values 0.
    seed: Option<u64>,
    vars: Mutex<BTreeMap<String, Var>>,
}

impl Parameters {
    /// An empty set. Building a network from [`Parameters::builder`] fills it.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self::with_seed(Some(seed), device)
    }

    /// Like [`Parameters::new`], but all values are 0: for the layers and the size of a network, or
    /// to load all values from a file.
    pub fn zeros(device: &Device) -> Self {
        Self::with_seed(None, device)
    }

    fn with_seed(seed: Option<u64>, device: &Device) -> Self {
        let store = Store {
            seed,
            vars: Mutex::new(BTreeMap::new()),
        };
        Self {
            store: Arc::new(store),
            device: device.clone(),
        }
    }

    /// The builder from which networks take their parameters.
    pub fn builder(&self) -> VarBuilder<'static> {
        let backend = Box::new(Backend(self.store.clone()));
        VarBuilder::from_backend(backend, DType::F32, self.device.clone())
    }

    /// The parameters that training changes, by name: all except running statistics.
    pub fn trainable(&self) -> Vec<(String, Var)> {
        let vars = self.store.lock();
        let trainable = vars.iter().filter(|(name, _)| !is_running_statistic(name));
        trainable
            .map(|(name, var)| (name.clone(), var.clone()))
            .collect()
    }

    /// All parameters and running statistics by name.
    pub fn all(&self) -> BTreeMap<String, Var> {
        self.store.lock().clone()
    }

    /// Number of trainable values.
    pub fn count(&self) -> usize {
        self.trainable()
            .iter()
            .map(|(_, var)| var.elem_count())
            .sum()
    }

    /// A copy of the current values, which later training does not change.
    ///
    /// # Errors
    /// If a tensor cannot be copied.
    pub fn snapshot(&self) -> Result<HashMap<String, Tensor>> {
        let vars = self.store.lock();
        vars.iter()
            .map(|(name, var)| Ok((name.clone(), var.as_detached_tensor().copy()?)))
            .collect()
    }
}

impl Store {
    /// A panic in another thread leaves every variable intact, so a poisoned lock is safe to use.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Var>> {
        self.vars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Backend(Arc<Store>);

impl SimpleBackend for Backend {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let mut vars = self.0.lock();
        if let Some(var) = vars.get(name) {
            if var.shape() != &shape {
                candle_core::bail!(
                    "{name} is requested with shape {shape:?} but exists with {:?}",
                    var.shape()
                );
            }
            return Ok(var.as_tensor().clone());
        }
        let value = match self.0.seed {
            Some(seed) => initial(seed, name, &shape, init)?,
            None => Tensor::zeros(&shape, DType::F32, &Device::Cpu)?,
        };
        let value = value.to_dtype(dtype)?.to_device(device)?;
        let var = Var::from_tensor(&value)?;
        let tensor = var.as_tensor().clone();
        vars.insert(name.to_owned(), var);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _dtype: DType, _device: &Device) -> Result<Tensor> {
        match self.0.lock().get(name) {
            Some(var) => Ok(var.as_tensor().clone()),
            None => candle_core::bail!("there is no parameter {name}"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.lock().contains_key(name)
    }
}

/// The initial value of a parameter, which depends only on seed, name, shape and kind.
fn initial(seed: u64, name: &str, shape: &Shape, init: Init) -> Result<Tensor> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ fnv1a(name));
    let (low, high) = match init {
        Init::Const(value) => return Tensor::full(value as f32, shape, &Device::Cpu),
        Init::Uniform { lo, up } => (lo as f32, up as f32),
        // A uniform distribution with the variance of the normal one.
        Init::Randn { mean, stdev } => {
            let half = stdev * 3f64.sqrt();
            ((mean - half) as f32, (mean + half) as f32)
        }
        Init::Kaiming { .. } => {
            // He et al. 2015: variance 2 / fan-in keeps the scale of activations through ReLUs.
            let fan_in = shape.dims().iter().skip(1).product::<usize>().max(1);
            let bound = (6.0 / fan_in as f32).sqrt();
            (-bound, bound)
        }
    };
    let values: Vec<f32> = (0..shape.elem_count())
        .map(|_| low + (high - low) * rng.random::<f32>())
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// FNV-1a hash of a name, which gives each parameter its own random stream.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// True if the name belongs to a parameter of the encoder: `E.` in MFF, `encoder.` in other
/// networks.
pub fn is_encoder_parameter(name: &str) -> bool {
    name.starts_with("E.") || name.starts_with("encoder.")
}

fn is_running_statistic(name: &str) -> bool {
    name.ends_with("running_mean") || name.ends_with("running_var")
}
