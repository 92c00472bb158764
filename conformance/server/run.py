"""Starts the server and has independent programs talk to it. See README.md."""

import asyncio
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "benches/server"))
from serving import serve

PICTURE = (np.arange(32 * 32 * 3) * 7 % 256).astype(np.uint8).reshape(1, 32, 32, 3)


def schemathesis(address, tokens, examples):
    """Requests made from the OpenAPI document, once for each role."""
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    failed = []
    for role, token in tokens.items():
        command = [pathlib.Path(sys.executable).with_name("schemathesis"), "run", f"{address}/openapi.json", "--checks", checks,
                   "--max-examples", str(examples), "--header", f"Authorization: Bearer {token}", "--phases", "examples,coverage,fuzzing"]
        if subprocess.run(command).returncode != 0:
            failed.append(role)
    return failed


def triton(address, token):
    """tritonclient, with JSON and with binary tensors."""
    import tritonclient.http as http

    client = http.InferenceServerClient(address.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {token}"}
    assert client.is_server_ready() and client.is_model_ready("pictures")
    assert client.get_model_metadata("pictures")["inputs"][0]["name"] == "image"
    answers = []
    for binary in [False, True]:
        image = http.InferInput("image", PICTURE.shape, "UINT8")
        image.set_data_from_numpy(PICTURE, binary_data=binary)
        outputs = [http.InferRequestedOutput(name, binary_data=binary) for name in ["label", "probabilities"]]
        answers.append(client.infer("pictures", [image], outputs=outputs, headers=headers))
    first, second = (answer.as_numpy("probabilities") for answer in answers)
    assert first.shape == (1, 10) and abs(first.sum() - 1) < 1e-3 and np.allclose(first, second)
    return answers[0].as_numpy("label")[0]


def kserve(address, token):
    """kserve's client."""
    from kserve import InferInput, InferRequest, InferenceRESTClient
    from kserve.inference_client import RESTConfig

    image = InferInput("image", list(PICTURE.shape), "UINT8")
    image.set_data_from_numpy(PICTURE, binary_data=False)
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    request = InferRequest(model_name="pictures", infer_inputs=[image])
    headers = {"Authorization": f"Bearer {token}"}
    answer = asyncio.run(client.infer(address, request, model_name="pictures", headers=headers))
    label = next(output for output in answer.outputs if output.name == "label")
    return label.data[0]


def main():
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as folder:
        log = open(pathlib.Path(folder) / "log", "w")
        process, address, tokens = serve(pathlib.Path(folder), log)
        try:
            print("tritonclient:", triton(address, tokens["device"]))
            if importlib.util.find_spec("kserve"):
                print("kserve:", kserve(address, tokens["device"]))
            else:
                print("kserve isn't installed")
            failed = schemathesis(address, tokens, examples)
        finally:
            process.terminate()
            process.wait()
        log.close()
        said = (pathlib.Path(folder) / "log").read_text()
    trouble = [line for line in said.splitlines() if '"trouble"' in line]
    print("schemathesis:", "failed as " + ", ".join(failed) if failed else "nothing found", "| trouble in the log:", len(trouble))
    print("\n".join(trouble))
    sys.exit(bool(failed or trouble))


if __name__ == "__main__":
    main()
