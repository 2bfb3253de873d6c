//! The Python of docs/other-outputs.md that writes features, run as it is printed.

use serde_json::Value;

use crate::place::Place;

const DOCS: &str = include_str!("../../../docs/other-outputs.md");

/// The Python block that holds `part`.
fn block(part: &str) -> &'static str {
    let mut blocks = DOCS.split("```python\n").skip(1);
    blocks
        .find_map(|rest| Some(rest.split("```").next()?).filter(|block| block.contains(part)))
        .unwrap()
}

/// Runs a script in the place; false if there is no Python with these modules.
fn python(place: &Place, modules: &[&str], script: &str) -> bool {
    let Some(python) = mde_test_kit::python(modules) else {
        return false;
    };
    place.python(&python, script);
    true
}

fn files(place: &Place, folder: &str) -> String {
    let names = place.files(folder).into_keys();
    names
        .map(|name| format!("{folder}/{name}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A transformer of which a block returns a tuple and the whole a ModelOutput, and a convolution in
/// PyTorch's channels-last memory with an in-place ReLU after it. The units follow the brightness
/// of the image, which follows its depth, so each is as selective as it would be in NumPy.
const NETWORK: &str = r#"
from collections import OrderedDict
class ModelOutput(OrderedDict):
    def __getitem__(self, key):
        return list(self.values())[key] if isinstance(key, int) else super().__getitem__(key)
class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(8, 8)
    def forward(self, x):
        return (self.fc(x), None)
class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = torch.nn.Conv2d(3, 8, 4, 4)
        self.cls = torch.nn.Parameter(torch.full((1, 1, 8), 50.0))
        self.block = Block()
    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1)
        return ModelOutput(last_hidden_state=self.block(x)[0], attentions=None)
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.conv = torch.nn.Conv2d(3, 6, 3, stride=4, padding=1).to(memory_format=torch.channels_last)
        self.relu = torch.nn.ReLU(inplace=True)
    def forward(self, pixel_values):
        tokens = self.encoder(pixel_values)[0]
        maps = self.relu(self.conv(pixel_values.to(memory_format=torch.channels_last)))
        return ModelOutput(predicted_depth=maps.mean(1) + tokens.mean())
torch.manual_seed(0)
net = Net()
depth = 0.6 + 8 * torch.rand(6, 48, 64).sort(1).values
images = (depth / 9)[:, None].expand(-1, 3, -1, -1) + 0.01 * torch.randn(6, 3, 48, 64)
batches = [(images[at:at + 2], depth[at:at + 2]) for at in range(0, 6, 2)]
dump_features(net, net.encoder, batches, "encoder")
dump_features(net, net.get_submodule("encoder.block"), batches, "block")
dump_features(net, net.conv, batches, "conv")
with torch.inference_mode():
    # The values of the modules themselves.
    from safetensors.torch import load_file
    for name, expected in (("conv", net.conv(images)), ("encoder", net.encoder(images)[0])):
        found = [load_file(f"{name}/{n:05}.safetensors")["features"] for n in range(3)]
        assert torch.allclose(torch.cat(found), expected, atol=1e-5), name
"#;

#[test]
fn the_hook_of_the_docs_writes_maps_tuples_and_model_outputs() {
    let place = Place::empty();
    let script = format!("{}{NETWORK}", block("def dump_features"));
    if !python(&place, &["torch", "safetensors"], &script) {
        return;
    }
    let mut found = Vec::new();
    for (layer, options) in [
        ("encoder", "--tokens 12x16"),
        ("block", "--tokens 12x16"),
        ("conv", ""),
    ] {
        let line = format!(
            "dissect --features {} {options} --dataset nyu --bins 6 --layer {layer} --name net \
             --out results",
            files(&place, layer)
        );
        let (document, remarks) = place.json_and_remarks(&line);
        assert_eq!(document["images"], 6);
        assert_eq!(
            remarks.contains("the first 1 of 193 tokens"),
            !options.is_empty()
        );
        found.push(document["layers"][0]["valid_bins"].clone());
    }
    // The tuple's tokens are what the ModelOutput holds.
    assert_eq!(found[0], found[1]);
    assert!(found[2].as_f64().unwrap() > 0.0, "{found:?}");
    let dissection: Value = serde_json::from_slice(&place.read("results/dissect.json")).unwrap();
    assert_eq!(dissection["layers"].as_array().unwrap().len(), 3);
}

#[test]
fn numpy_arrays_of_the_docs_are_read() {
    let place = Place::empty();
    let arrays = r#"
import numpy as np
ramp = np.linspace(0.6, 9, 48)[None, :, None] + np.zeros((4, 1, 64))
depth = ramp.astype(np.float64)
rows = np.arange(12)[None, :, None, None]
features = 1 / (1 + np.abs(rows - 2 * np.arange(5))) + np.zeros((4, 1, 16, 1))
predictions = {"a/1": depth[0], "a/2": depth[1]}
"#;
    let check = r#"
save_file({"features": float32(features.transpose(0, 3, 1, 2)), "depth": float32(depth)}, "P.safetensors")
"#;
    let script = format!("{arrays}{}{check}", block("safetensors.numpy"));
    if !python(&place, &["numpy", "safetensors"], &script) {
        return;
    }
    let line = "dissect --dataset nyu --bins 6 --features";
    let last = place.json(&format!("{line} F.safetensors --layout nhwc"));
    let planes = place.json(&format!("{line} P.safetensors"));
    assert_eq!(
        last["layers"][0]["valid_bins"],
        planes["layers"][0]["valid_bins"]
    );
    assert!(last["layers"][0]["valid_bins"].as_f64().unwrap() > 0.2);
    let evaluated =
        place.json("evaluate --pred predictions.npz --gt predictions.npz --protocol nyu-full");
    assert_eq!(evaluated["summary"]["mean"]["abs_rel"], 0.0, "{evaluated}");
}
