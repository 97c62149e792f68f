"""A small net of PyTorch, exported to ONNX."""

import mlflow
import torch
from exchange import OUTPUT, PARAMS, SEED, exported, numbers, rows, save

torch.manual_seed(SEED)
features, label, asked = rows()
table = torch.tensor(numbers(features).to_numpy())
truth = torch.tensor(label.to_numpy(), dtype=torch.float32)


class Net(torch.nn.Module):
    def __init__(self, mean, spread):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(len(mean), PARAMS["hidden"]), torch.nn.ReLU(), torch.nn.Linear(PARAMS["hidden"], 1)
        )

    def forward(self, table):
        return torch.sigmoid(self.layers((table - self.mean) / self.spread)).squeeze(1)


net = Net(table.mean(0), table.std(0).clamp(min=1e-6))
steps = torch.optim.Adam(net.parameters(), lr=0.02)
with mlflow.start_run():
    mlflow.log_params(PARAMS)
    for epoch in range(PARAMS["epochs"]):
        steps.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy(net(table), truth)
        loss.backward()
        steps.step()
        mlflow.log_metric("train_loss", loss.item(), step=epoch)
net.eval()
torch.onnx.export(net, (table[:1],), OUTPUT / "model.onnx", input_names=["table"], output_names=["score"],
                  dynamic_axes={"table": {0: "rows"}, "score": {0: "rows"}}, dynamo=False)
save(exported(numbers(asked).to_numpy()), asked.index)
