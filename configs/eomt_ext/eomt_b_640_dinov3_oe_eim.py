_base_ = './eomt_b_640_dinov3_oe.py'

model = dict(
    decode_head=dict(query_losses=[
        dict(type='EIMLoss', temperature=1.0, loss_weight=0.1)
    ]))
