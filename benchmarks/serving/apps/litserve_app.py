"""A service of LitServe: ``litserve_app.py PORT [BATCH]``."""

from __future__ import annotations

import os
import sys

import joblib
import litserve
import pandas as pd


class Diamonds(litserve.LitAPI):
    def setup(self, device: str) -> None:
        del device
        self.model = joblib.load(os.environ["BENCH_MODEL"] + "/model.joblib")

    def decode_request(self, request: dict) -> dict:
        return request

    def predict(self, rows):
        if isinstance(rows, list):
            return self.model.predict(pd.DataFrame(rows)).tolist()
        return float(self.model.predict(pd.DataFrame([rows]))[0])

    def encode_response(self, output: float) -> dict[str, float]:
        return {"prediction": float(output)}


if __name__ == "__main__":
    batch = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    api = Diamonds(max_batch_size=batch, batch_timeout=0.005) if batch > 1 else Diamonds()
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
