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
    """kserve's client, with JSON and with binary tensors."""
    from kserve import InferInput, InferRequest, InferenceRESTClient
    from kserve.inference_client import RESTConfig

    async def ask():
        answers = []
        async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
            assert await client.is_server_live(address) and await client.is_server_ready(address)
            assert await client.is_model_ready(address, "pictures") and not await client.is_model_ready(address, "none")
            for binary in [False, True]:
                image = InferInput("image", list(PICTURE.shape), "UINT8")
                image.set_data_from_numpy(PICTURE, binary_data=binary)
                request = InferRequest(model_name="pictures", infer_inputs=[image])
                headers = {"Authorization": f"Bearer {token}"}
                answers.append(await client.infer(address, request, model_name="pictures", headers=headers))
        return answers

    answers = [{output.name: output for output in answer.outputs} for answer in asyncio.run(ask())]
    first, second = (answer["probabilities"].as_numpy() for answer in answers)
    assert first.shape == (1, 10) and abs(first.sum() - 1) < 1e-3 and np.allclose(first, second)
    label = answers[0]["label"].data[0]
    return label if isinstance(label, bytes) else label.encode()


def main():
    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as folder:
        log = open(pathlib.Path(folder) / "log", "w")
        process, address, tokens = serve(pathlib.Path(folder), log)
        try:
            for program, module in [(triton, "tritonclient"), (kserve, "kserve")]:
                installed = importlib.util.find_spec(module)
                print(f"{module}:", program(address, tokens["device"]) if installed else "isn't installed")
            failed = schemathesis(address, tokens, examples) if importlib.util.find_spec("schemathesis") else None
        finally:
            process.terminate()
            process.wait()
        log.close()
        said = (pathlib.Path(folder) / "log").read_text()
    trouble = [line for line in said.splitlines() if '"trouble"' in line]
    found = "isn't installed" if failed is None else "failed as " + ", ".join(failed) if failed else "nothing found"
    print("schemathesis:", found, "| trouble in the log:", len(trouble))
    print("\n".join(trouble))
    sys.exit(bool(failed or trouble))


if __name__ == "__main__":
    main()
