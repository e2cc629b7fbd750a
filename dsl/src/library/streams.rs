use firebrand_graph::Index;
use rand_chacha::ChaCha8Rng;

/// The random numbers of a call: a generator for each draw, whichever lanes belong to it.
///
/// So what one draw gets depends neither on the draws beside it nor on how many there are.
pub struct Streams<'a> {
    generators: &'a mut [ChaCha8Rng],
    /// The generator of each lane; where there is none, the first serves all.
    of: Option<Index>,
}

impl<'a> Streams<'a> {
    /// One generator for all lanes, in their order.
    pub fn shared(generator: &'a mut ChaCha8Rng) -> Self {
        Streams {
            generators: std::slice::from_mut(generator),
            of: None,
        }
    }

    /// Generators by lane: `of[lane]` is the number of its own.
    pub(crate) fn by_lane(generators: &'a mut [ChaCha8Rng], of: Index) -> Self {
        Streams {
            generators,
            of: Some(of),
        }
    }

    /// The generator of a lane.
    ///
    /// # Panics
    /// When there is no such lane.
    pub fn of(&mut self, lane: usize) -> &mut ChaCha8Rng {
        let generator = self.of.as_ref().map_or(0, |of| of[lane] as usize);
        &mut self.generators[generator]
    }
}
