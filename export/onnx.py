"""A network as an ONNX file, by Keras' export and tf2onnx."""

import json

import onnx

OPSET = 17


def write(network, signature, metadata, path):
    """Writes a `keras.Model` to `path`.

    Args:
        network: a model of a dict of inputs to a dict of one output, under TensorFlow.
        signature: dict of input name to `keras.InputSpec`.
        metadata: dict of JSON values, among them "inputs" and "output", for the file's own.
        path: of the file.
    """
    network.export(
        str(path), format="onnx", opset_version=OPSET, input_signature=[signature], verbose=False
    )
    proto = onnx.load(path)
    _name_output(proto.graph, metadata["output"])
    for value in (*proto.graph.input, *proto.graph.output):
        shape = value.type.tensor_type.shape
        shape.dim[0].dim_param = "batch"
        spec = metadata["inputs"].get(value.name, {})
        if len(shape.dim) == 4 and any(d.dim_value == 0 for d in shape.dim[1:3]):
            divisor = f"/{spec['divisor']}" if "divisor" in spec else ""
            shape.dim[1].dim_param, shape.dim[2].dim_param = f"height{divisor}", f"width{divisor}"
    for entry in [entry for entry in proto.opset_import if entry.domain]:
        proto.opset_import.remove(
            entry
        )  # tf2onnx names one that it may use; the checker would tell
    onnx.helper.set_model_props(proto, {k: json.dumps(v) for k, v in metadata.items()})
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def _name_output(graph, name):
    (output,) = graph.output
    for node in graph.node:
        node.output[:] = [name if edge == output.name else edge for edge in node.output]
    output.name = name
