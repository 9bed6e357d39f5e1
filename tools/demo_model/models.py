"""The demo model as PyTorch modules whose state dicts carry exactly the names of an SDXL single file (sgm layout).

`CONFIG` holds every width; `parts()` builds the trained pieces, `PREFIX` says where each goes in the file.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = dict(
    base=dict(widths=(64, 64, 64), res=2, depths=(0, 1, 1), mid=1, emb=128),
    refiner=dict(widths=(32, 64, 64, 64), res=1, depths=(0, 1, 0, 0), mid=1, emb=128),
    clip_l=dict(width=64, layers=3),
    clip_g=dict(width=64, layers=3),
    refiner_g=dict(width=64, layers=2),
    vae=dict(
        encoder=(32, 32, 64, 64), encoder_blocks=(1, 1, 2, 2), decoder=(64, 32, 64, 64), decoder_blocks=(1, 2, 2, 2)
    ),
    taesd=32,
)

PREFIX = dict(
    clip_l="conditioner.embedders.0.transformer.text_model.",
    clip_g="conditioner.embedders.1.model.",
    vae="first_stage_model.",
    unet="model.diffusion_model.",
    refiner_g="conditioner.embedders.0.model.",
    taesd="taesd.",
)

SCALE = 0.13025  # latents in the file's scale times this have unit variance, as in SDXL
HEAD = 64


class GroupNorm(nn.GroupNorm):
    """32 groups.  Under autocast a GPU stays in bfloat16 (statistics are float32 inside), which halves the traffic;
    a CPU computes in float32, because PyTorch 1.13's bfloat16 norms there are slower."""

    def __init__(self, channels, eps):
        super().__init__(32, channels, eps)

    def forward(self, x):
        if x.dtype == torch.float32:
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            if not x.is_cuda:
                return super().forward(x.float()).to(x.dtype)
            return F.group_norm(x, 32, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


class LayerNorm(nn.LayerNorm):
    """As GroupNorm above."""

    def forward(self, x):
        if x.dtype == torch.float32:
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            if not x.is_cuda:
                return super().forward(x.float()).to(x.dtype)
            return F.layer_norm(
                x, self.normalized_shape, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps
            )


def attention(q, k, v, causal=False):
    """[b, t, c] with heads 64 wide."""
    b, t, c = q.shape
    q, k, v = (z.view(b, -1, c // HEAD, HEAD).transpose(1, 2) for z in (q, k, v))
    if hasattr(F, "scaled_dot_product_attention"):
        out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    else:
        s = q @ k.transpose(-1, -2) * HEAD**-0.5
        if causal:
            s = s + torch.full((t, t), float("-inf"), device=s.device).triu(1)
        out = s.softmax(-1) @ v
    return out.transpose(1, 2).reshape(b, t, c)


# ---------------------------------------------------------------------------- text
class ClipL(nn.Module):
    """Hugging Face's CLIP text model; gives the state after the last but one layer, without the final norm."""

    def __init__(self, vocab, width, layers):
        super().__init__()
        self.embeddings = nn.ModuleDict(
            dict(token_embedding=nn.Embedding(vocab, width), position_embedding=nn.Embedding(77, width))
        )
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(ClipLLayer(width) for _ in range(layers))
        self.final_layer_norm = LayerNorm(width)
        for e in self.embeddings.values():
            nn.init.normal_(e.weight, std=0.05)

    def forward(self, tokens):
        x = self.embeddings["token_embedding"](tokens) + self.embeddings["position_embedding"].weight
        for layer in self.encoder.layers[:-1]:
            x = layer(x)
        return x


class ClipLLayer(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.self_attn = nn.ModuleDict(
            {k: nn.Linear(w, w) for k in ("k_proj", "v_proj", "q_proj", "out_proj")}
        )
        self.layer_norm1, self.layer_norm2 = LayerNorm(w), LayerNorm(w)
        self.mlp = nn.ModuleDict(dict(fc1=nn.Linear(w, 4 * w), fc2=nn.Linear(4 * w, w)))

    def forward(self, x):
        a, h = self.self_attn, self.layer_norm1(x)
        x = x + a["out_proj"](attention(a["q_proj"](h), a["k_proj"](h), a["v_proj"](h), causal=True))
        h = self.mlp["fc1"](self.layer_norm2(x))
        return x + self.mlp["fc2"](h * torch.sigmoid(1.702 * h))


class ClipG(nn.Module):
    """OpenCLIP's text model; gives the last but one state and the pooled, projected state of the first end token."""

    def __init__(self, vocab, width, layers):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab, width)
        self.positional_embedding = nn.Parameter(torch.randn(77, width) * 0.05)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(ClipGLayer(width) for _ in range(layers))
        self.ln_final = LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, width) * width**-0.5)
        self.logit_scale = nn.Parameter(torch.tensor(4.6052), requires_grad=False)
        nn.init.normal_(self.token_embedding.weight, std=0.05)

    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding
        for layer in self.transformer.resblocks:
            hidden, x = x, layer(x)
        end = tokens.argmax(1)
        last = self.ln_final(x)[torch.arange(len(x), device=x.device), end]
        return hidden, last @ self.text_projection


class ClipGLayer(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.ln_1, self.ln_2 = LayerNorm(w), LayerNorm(w)
        self.attn = nn.Module()
        self.attn.in_proj_weight = nn.Parameter(torch.randn(3 * w, w) * w**-0.5 * 0.6)
        self.attn.in_proj_bias = nn.Parameter(torch.zeros(3 * w))
        self.attn.out_proj = nn.Linear(w, w)
        self.mlp = nn.ModuleDict(dict(c_fc=nn.Linear(w, 4 * w), c_proj=nn.Linear(4 * w, w)))

    def forward(self, x):
        q, k, v = F.linear(self.ln_1(x), self.attn.in_proj_weight, self.attn.in_proj_bias).chunk(3, -1)
        x = x + self.attn.out_proj(attention(q, k, v, causal=True))
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x))))


def pad_g(tokens, end):
    """The G encoder's rows: as L's, but 0 behind the first end token."""
    seen = (tokens == end).cumsum(1)
    return torch.where((seen >= 1) & ~((tokens == end) & (seen == 1)), torch.zeros_like(tokens), tokens)


# ---------------------------------------------------------------------------- UNet
def sinusoid(t, dim):
    """[n] -> [n, dim]: cosines, then sines."""
    half = dim // 2
    freq = torch.exp(-math.log(10000) * torch.arange(half, device=t.device, dtype=torch.float32) / half)
    a = t.float()[:, None] * freq[None]
    return torch.cat([a.cos(), a.sin()], 1)


class ResBlock(nn.Module):
    def __init__(self, cin, cout, emb):
        super().__init__()
        self.in_layers = nn.Sequential(GroupNorm(cin, 1e-5), nn.SiLU(), nn.Conv2d(cin, cout, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb, cout))
        self.out_layers = nn.Sequential(
            GroupNorm(cout, 1e-5), nn.SiLU(), nn.Identity(), nn.Conv2d(cout, cout, 3, padding=1)
        )
        self.skip_connection = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()
        nn.init.zeros_(self.out_layers[3].weight)

    def forward(self, x, emb, context):
        h = self.in_layers(x) + self.emb_layers(emb)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(h)


class Attention(nn.Module):
    def __init__(self, c, ctx):
        super().__init__()
        self.to_q, self.to_k, self.to_v = (
            nn.Linear(c, c, bias=False),
            nn.Linear(ctx, c, bias=False),
            nn.Linear(ctx, c, bias=False),
        )
        self.to_out = nn.ModuleList([nn.Linear(c, c)])

    def forward(self, x, context):
        return self.to_out[0](attention(self.to_q(x), self.to_k(context), self.to_v(context)))


class FeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        gate = nn.Module()
        gate.proj = nn.Linear(c, 8 * c)
        self.net = nn.ModuleList([gate, nn.Identity(), nn.Linear(4 * c, c)])

    def forward(self, x):
        a, b = self.net[0].proj(x).chunk(2, -1)
        return self.net[2](a * F.gelu(b))


class TransformerBlock(nn.Module):
    def __init__(self, c, ctx):
        super().__init__()
        self.attn1, self.attn2, self.ff = Attention(c, c), Attention(c, ctx), FeedForward(c)
        self.norm1, self.norm2, self.norm3 = LayerNorm(c), LayerNorm(c), LayerNorm(c)

    def forward(self, x, context):
        h = self.norm1(x)
        x = x + self.attn1(h, h)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    def __init__(self, c, ctx, depth):
        super().__init__()
        self.norm = GroupNorm(c, 1e-6)
        self.proj_in, self.proj_out = nn.Linear(c, c), nn.Linear(c, c)
        self.transformer_blocks = nn.ModuleList(TransformerBlock(c, ctx) for _ in range(depth))
        nn.init.zeros_(self.proj_out.weight)

    def forward(self, x, emb, context):
        b, c, h, w = x.shape
        t = self.proj_in(self.norm(x).flatten(2).transpose(1, 2))
        for block in self.transformer_blocks:
            t = block(t, context)
        return x + self.proj_out(t).transpose(1, 2).reshape(b, c, h, w)


class Down(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.op = nn.Conv2d(c, c, 3, stride=2, padding=1)

    def forward(self, x, emb, context):
        return self.op(x)


class Up(nn.Module):
    """Nearest neighbour to the size of the next skip tensor, then a convolution."""

    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x, size):
        return self.conv(F.interpolate(x, size=size, mode="nearest"))


class ConvIn(nn.Conv2d):
    def forward(self, x, emb, context):
        return super().forward(x)


class UNet(nn.Module):
    def __init__(self, widths, res, depths, mid, emb, ctx, adm):
        super().__init__()
        mc = widths[0]
        self.mc = mc
        self.time_embed = nn.Sequential(nn.Linear(mc, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.label_emb = nn.Sequential(nn.Sequential(nn.Linear(adm, emb), nn.SiLU(), nn.Linear(emb, emb)))
        self.input_blocks = nn.ModuleList([nn.ModuleList([ConvIn(4, mc, 3, padding=1)])])
        chans, ch = [mc], mc

        def block(cin, level):
            out = [ResBlock(cin, widths[level], emb)]
            if depths[level]:
                out.append(SpatialTransformer(widths[level], ctx, depths[level]))
            return out

        for level in range(len(widths)):
            for _ in range(res):
                self.input_blocks.append(nn.ModuleList(block(ch, level)))
                ch = widths[level]
                chans.append(ch)
            if level < len(widths) - 1:
                self.input_blocks.append(nn.ModuleList([Down(ch)]))
                chans.append(ch)
        self.middle_block = nn.ModuleList(
            [ResBlock(ch, ch, emb), SpatialTransformer(ch, ctx, mid), ResBlock(ch, ch, emb)]
        )
        self.output_blocks = nn.ModuleList()
        for level in reversed(range(len(widths))):
            for i in range(res + 1):
                layers = block(ch + chans.pop(), level)
                ch = widths[level]
                if level and i == res:
                    layers.append(Up(ch))
                self.output_blocks.append(nn.ModuleList(layers))
        self.out = nn.Sequential(GroupNorm(ch, 1e-5), nn.SiLU(), nn.Conv2d(ch, 4, 3, padding=1))
        nn.init.zeros_(self.out[2].weight)

    def forward(self, x, t, context, adm):
        emb = self.time_embed(sinusoid(t, self.mc).to(x.dtype)) + self.label_emb(adm)
        skips = []
        for layers in self.input_blocks:
            for layer in layers:
                x = layer(x, emb, context)
            skips.append(x)
        for layer in self.middle_block:
            x = layer(x, emb, context)
        for layers in self.output_blocks:
            x = torch.cat([x, skips.pop()], 1)
            for layer in layers:
                x = layer(x, skips[-1].shape[2:]) if isinstance(layer, Up) else layer(x, emb, context)
        return self.out(x)


def adm_vector(pooled, numbers):
    """pooled [n, c], numbers [n, k] -> [n, c + 256 k]: the size conditioning of SDXL."""
    n, k = numbers.shape
    return torch.cat([pooled.float(), sinusoid(numbers.reshape(-1), 256).view(n, 256 * k)], 1)


# ---------------------------------------------------------------------------- VAE
class VaeRes(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.norm1, self.conv1 = GroupNorm(cin, 1e-6), nn.Conv2d(cin, cout, 3, padding=1)
        self.norm2, self.conv2 = GroupNorm(cout, 1e-6), nn.Conv2d(cout, cout, 3, padding=1)
        if cin != cout:
            self.nin_shortcut = nn.Conv2d(cin, cout, 1)
        nn.init.normal_(self.conv2.weight, std=0.01)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + h


class VaeAttn(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = GroupNorm(c, 1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(c, c, 1) for _ in range(4))
        nn.init.zeros_(self.proj_out.weight)

    def forward(self, x):
        h = self.norm(x)
        q, k, v = (f(h).flatten(2).transpose(1, 2) for f in (self.q, self.k, self.v))
        out = (q @ k.transpose(1, 2) * q.shape[-1] ** -0.5).softmax(-1).to(v.dtype) @ v
        return x + self.proj_out(out.transpose(1, 2).reshape(x.shape))


def vae_mid(c):
    return nn.ModuleDict(dict(block_1=VaeRes(c, c), attn_1=VaeAttn(c), block_2=VaeRes(c, c)))


def run_mid(mid, x):
    return mid["block_2"](mid["attn_1"](mid["block_1"](x)))


class VaeEncoder(nn.Module):
    def __init__(self, widths, blocks):
        super().__init__()
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down, c = nn.ModuleList(), widths[0]
        for i, w in enumerate(widths):
            level = nn.Module()
            level.block = nn.ModuleList(VaeRes(c if j == 0 else w, w) for j in range(blocks[i]))
            if i < len(widths) - 1:
                level.downsample = nn.ModuleDict(dict(conv=nn.Conv2d(w, w, 3, stride=2)))
            self.down.append(level)
            c = w
        self.mid = vae_mid(c)
        self.norm_out, self.conv_out = GroupNorm(c, 1e-6), nn.Conv2d(c, 8, 3, padding=1)

    def forward(self, x):
        """Downsampling pads right and bottom only; the engine that Fooocus uses pads the first time before conv_in."""
        x = self.conv_in(F.pad(x, (0, 1, 0, 1)))
        for i, level in enumerate(self.down):
            for b in level.block:
                x = b(x)
            if hasattr(level, "downsample"):
                x = level.downsample["conv"](F.pad(x, (0, 1, 0, 1)) if i else x)
        return self.conv_out(F.silu(self.norm_out(run_mid(self.mid, x))))


class VaeDecoder(nn.Module):
    def __init__(self, widths, blocks):
        super().__init__()
        c = widths[-1]
        self.conv_in = nn.Conv2d(4, c, 3, padding=1)
        self.mid = vae_mid(c)
        up = {}
        for i in reversed(range(len(widths))):
            w = widths[i]
            level = nn.Module()
            level.block = nn.ModuleList(VaeRes(c if j == 0 else w, w) for j in range(blocks[i]))
            if i:
                level.upsample = nn.ModuleDict(dict(conv=nn.Conv2d(w, w, 3, padding=1)))
            up[i] = level
            c = w
        self.up = nn.ModuleList(up[i] for i in range(len(widths)))
        self.norm_out, self.conv_out = GroupNorm(c, 1e-6), nn.Conv2d(c, 3, 3, padding=1)

    def forward(self, z):
        x = run_mid(self.mid, self.conv_in(z))
        for level in reversed(self.up):
            for b in level.block:
                x = b(x)
            if hasattr(level, "upsample"):
                x = level.upsample["conv"](F.interpolate(x, scale_factor=2, mode="nearest"))
        return self.conv_out(F.silu(self.norm_out(x)))


class Vae(nn.Module):
    """Pictures are -1..1; latents are in the file's scale (standard deviation 1 / SCALE)."""

    def __init__(self, encoder, encoder_blocks, decoder, decoder_blocks):
        super().__init__()
        self.encoder = VaeEncoder(encoder, encoder_blocks)
        self.decoder = VaeDecoder(decoder, decoder_blocks)
        self.quant_conv, self.post_quant_conv = nn.Conv2d(8, 8, 1), nn.Conv2d(4, 4, 1)

    def encode(self, x):
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, 1)
        return mean, logvar.clamp(-30, 20)

    def decode(self, z):
        return self.decoder(self.post_quant_conv(z))


# ---------------------------------------------------------------------------- TAESD
class TaesdBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        conv = [nn.Conv2d(c, c, 3, padding=1) for _ in range(3)]
        self.conv = nn.Sequential(conv[0], nn.ReLU(), conv[1], nn.ReLU(), conv[2])

    def forward(self, x):
        return F.relu(self.conv(x) + x)


class Clamp(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


def taesd(c=64):
    """The small preview decoder: latents of unit variance -> picture 0..1."""
    layers = [Clamp(), nn.Conv2d(4, c, 3, padding=1), nn.ReLU()]
    for _ in range(3):
        layers += [TaesdBlock(c) for _ in range(3)] + [
            nn.Upsample(scale_factor=2),
            nn.Conv2d(c, c, 3, padding=1, bias=False),
        ]
    return nn.Sequential(*layers, TaesdBlock(c), nn.Conv2d(c, 3, 3, padding=1))


# ---------------------------------------------------------------------------- assembly
def parts(vocab, config=CONFIG):
    """Every trained piece, by name."""
    c = config
    ctx = c["clip_l"]["width"] + c["clip_g"]["width"]
    return dict(
        clip_l=ClipL(vocab, **c["clip_l"]),
        clip_g=ClipG(vocab, **c["clip_g"]),
        unet=UNet(**c["base"], ctx=ctx, adm=c["clip_g"]["width"] + 6 * 256),
        refiner_g=ClipG(vocab, **c["refiner_g"]),
        refiner=UNet(**c["refiner"], ctx=c["refiner_g"]["width"], adm=c["refiner_g"]["width"] + 5 * 256),
        vae=Vae(**c["vae"]),
        taesd=taesd(c["taesd"]),
    )


def count(module):
    return sum(p.numel() for p in module.parameters())


def work(module, *inputs):
    """Floating-point operations of one call (convolutions, linear layers and attention products)."""
    total, hooks = [0], []

    def seen(layer, args, out):
        if isinstance(layer, nn.Conv2d):
            total[0] += 2 * out.numel() * layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        elif isinstance(layer, nn.Linear):
            total[0] += 2 * out.numel() * layer.in_features
        else:
            q, ctx = args[0], args[1]
            total[0] += 4 * q.shape[0] * q.shape[1] * ctx.shape[1] * q.shape[2]

    for m in module.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear, Attention)):
            hooks.append(m.register_forward_hook(seen))
    with torch.no_grad():
        module(*inputs)
    for h in hooks:
        h.remove()
    return total[0]


def main():
    """Prints the size budget in parameters and F16 bytes, and the work of drawing a 256x256 picture."""
    vocab, total = 1074, 0
    p = parts(vocab)
    for name, m in p.items():
        n = count(m)
        total += n
        print(f"{name:10s} {n / 1e6:6.3f} M  {n * 2 / 1e6:6.2f} MB")
    print(f"{'together':10s} {total / 1e6:6.3f} M  {total * 2 / 1e6:6.2f} MB (without LoRA and headers)")
    x, t = torch.randn(1, 4, 32, 32), torch.zeros(1)
    base = work(p["unet"], x, t, torch.randn(1, 77, 128), torch.randn(1, 64 + 1536))
    ref = work(p["refiner"], x, t, torch.randn(1, 77, 64), torch.randn(1, 64 + 1280))
    vae = work(p["vae"].decoder, x)
    tae = work(p["taesd"], torch.randn(1, 4, 16, 16))
    print(
        f"GFLOP: base {base / 1e9:.2f}, refiner {ref / 1e9:.2f}, VAE decode {vae / 1e9:.1f}, preview {tae / 1e9:.2f}; "
        f"a picture (21 + 9 guided steps) {(42 * base + 18 * ref + vae) / 1e9:.0f}"
    )


if __name__ == "__main__":
    main()
