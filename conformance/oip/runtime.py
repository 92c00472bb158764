"""A model behind MLServer, so that Dunlin's questions are answered by a server that isn't ours.

It knows messages as the model of models/sms_spam does: `ham` and `spam`. Some words make it misbehave as servers do.
"""

import asyncio

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Words(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        [tensor] = payload.inputs
        values = flat(tensor.data.root)
        if tensor.name == "text":
            [text] = values
            if "fail" in text:
                raise ValueError("the model is broken")
            if "slow" in text:
                await asyncio.sleep(1.0)
            spam = 0.75 if "free" in text else 0.25
        elif tensor.name == "image":
            spam = sum(values) / (255 * len(values))
        else:
            spam = 0.75 if values[1] > values[0] else 0.25
        probabilities = [1 - spam, spam]
        if tensor.name == "text" and "lie" in values[0]:
            probabilities = [0.75, 0.75]
        outputs = [ResponseOutput(name="probabilities", shape=[1, 2], datatype="FP32", data=probabilities)]
        if tensor.name != "image":
            label = ["ham", "spam"][spam > 0.5]
            outputs.append(ResponseOutput(name="label", shape=[1], datatype="BYTES", data=[label]))
        return InferenceResponse(id=payload.id, model_name=self.name, model_version="1", outputs=outputs)


def flat(data):
    if isinstance(data, list):
        return [value for part in data for value in flat(part)]
    return [data]
