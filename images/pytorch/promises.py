"""What the image pytorch promises: each function runs inside it, and must not even warn."""


def test_is_of_the_version_that_both_variants_have() -> None:
    import torch

    assert torch.__version__.partition("+")[0] == "2.13.0"


def test_trains_on_what_the_session_has() -> None:
    import torch

    torch.manual_seed(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    wind = torch.rand(2000, 1, device=device) * 12
    power = (wind / 12) ** 3
    net = torch.nn.Sequential(torch.nn.Linear(1, 32), torch.nn.GELU(), torch.nn.Linear(32, 1))
    net.to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.01)
    for _ in range(300):
        loss = torch.nn.functional.mse_loss(net(wind / 12), power)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.002


def test_trains_with_lightning() -> None:
    import logging

    import lightning
    import torch
    from torchmetrics import MeanSquaredError

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Line(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Linear(1, 1)
            self.error = MeanSquaredError()

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            self.error(self.line(batch[0]), batch[1])
            return torch.nn.functional.mse_loss(self.line(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    x = torch.linspace(0, 1, 64).unsqueeze(1)
    data = torch.utils.data.TensorDataset(x, 2 * x)
    model = Line()
    trainer = lightning.Trainer(
        max_epochs=20,
        accelerator="auto",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=16, num_workers=0))
    assert model.error.compute() < 1.0


def test_keeps_weights_as_safetensors() -> None:
    import torch
    from safetensors.torch import load_file, save_file

    save_file({"weight": torch.arange(6.0).reshape(2, 3)}, "/tmp/weights.safetensors")
    assert load_file("/tmp/weights.safetensors")["weight"].sum() == 15.0


def test_compiles_models() -> None:
    import torch

    @torch.compile
    def curve(wind: torch.Tensor) -> torch.Tensor:
        return torch.where(wind > 3, (wind / 12) ** 3, torch.zeros_like(wind))

    wind = torch.linspace(0, 12, 1001)
    assert torch.allclose(curve(wind), torch.where(wind > 3, (wind / 12) ** 3, 0.0))


def test_logs_for_tensorboard() -> None:
    import pathlib

    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter("/tmp/runs/one") as writer:
        writer.add_scalar("loss", 0.5, 1)
    assert list(pathlib.Path("/tmp/runs/one").glob("events.*"))


def test_sees_pictures_where_it_is_built_for_gpus() -> None:
    import importlib.util

    import torch

    if "+cpu" not in torch.__version__:
        import torchvision

        assert torchvision.ops.nms(
            torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]), torch.tensor([0.9, 0.8]), 0.5
        ).tolist() == [0]
    else:
        assert importlib.util.find_spec("torchvision") is None
