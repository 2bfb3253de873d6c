//! Names of the procedural textures.

/// A pattern on a face, in the material's base and accent colours. Lengths are in metres.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Texture {
    Plain,
    Plaster,
    /// Grain along the face's longer side.
    Wood,
    /// Planks of this width and length.
    Planks(f32, f32),
    /// Grout in the accent colour; `chequered` darkens every other tile.
    Tiles {
        width: f32,
        height: f32,
        chequered: bool,
    },
    Brick,
    Carpet,
    Fabric,
    /// Stripes with this period.
    Striped(f32),
    /// A check with this period.
    Plaid(f32),
    /// A repeated figure with this period.
    Motif(f32),
    Marble,
    /// A framed panel in each cell of a grid over the whole face: numbers across and up.
    Panels(u8, u8),
    Books,
    Landscape,
    Abstract,
    /// The view from a window.
    Outside,
    Leaf,
    Rug,
    Cardboard,
    /// Below a rail at this height, the wall has the accent colour.
    Wainscot(f32),
    /// A computer's screen with text.
    Desktop,
    /// Asphalt with this number of lanes, separated by lines in the accent colour; `edges` adds
    /// lines at the sides. The face's second axis runs along the road and begins `phase` metres
    /// into the pattern.
    Road {
        lanes: u8,
        edges: bool,
        phase: f32,
    },
    /// Painted bars with this period; each covers half of it.
    Bars(f32),
    Grass,
    Foliage,
    RoofTiles,
    /// A house front with windows in the accent colour: width and height of one window's cell.
    Facade(f32, f32),
    /// A traffic sign of this kind, 0 to 4, on the face of a disc.
    Sign(u8),
}

impl Texture {
    /// Tiles of one colour.
    pub(crate) fn tiles(width: f32, height: f32) -> Self {
        Self::Tiles {
            width,
            height,
            chequered: false,
        }
    }
}
