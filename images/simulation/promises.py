"""What the image simulation promises: each function runs inside it, and must not even warn."""


def test_warp_computes_and_differentiates() -> None:
    import warp

    warp.config.log_level = warp.LOG_WARNING
    warp.init()

    @warp.kernel
    def square(x: warp.array(dtype=float), y: warp.array(dtype=float)):
        i = warp.tid()
        y[i] = x[i] * x[i]

    x = warp.array([1.0, 2.0, 3.0], dtype=float, requires_grad=True)
    y = warp.zeros(3, dtype=float, requires_grad=True)
    with warp.Tape() as tape:
        warp.launch(square, dim=3, inputs=[x], outputs=[y])
    tape.backward(grads={y: warp.ones(3, dtype=float)})
    assert y.numpy().tolist() == [1.0, 4.0, 9.0]
    assert x.grad.numpy().tolist() == [2.0, 4.0, 6.0]


_PENDULUM = """
<mujoco>
  <worldbody>
    <light pos="0 -1 2"/>
    <body pos="0 0 1">
      <joint type="hinge" axis="0 1 0"/>
      <geom type="capsule" fromto="0 0 0 0.5 0 0" size="0.03" mass="1"/>
    </body>
  </worldbody>
</mujoco>
"""


def test_mujoco_swings_a_pendulum_and_shows_it() -> None:
    import mujoco

    model = mujoco.MjModel.from_xml_string(_PENDULUM)
    data = mujoco.MjData(model)
    while data.time < 0.3:
        mujoco.mj_step(model, data)
    assert abs(data.qpos[0]) > 0.5
    with mujoco.Renderer(model, 120, 160) as renderer:
        renderer.update_scene(data)
        picture = renderer.render()
    assert picture.shape == (120, 160, 3)
    assert picture.max() > 0


def test_finite_elements_solve_the_membrane() -> None:
    import skfem
    from skfem.models.poisson import laplace, unit_load

    mesh = skfem.MeshTri().refined(4)
    basis = skfem.Basis(mesh, skfem.ElementTriP1())
    solution = skfem.solve(
        *skfem.condense(laplace.assemble(basis), unit_load.assemble(basis), D=basis.get_dofs())
    )
    # The greatest deflection of the unit square's membrane under unit load is 0.07367.
    assert abs(solution.max() - 0.07367) < 0.001


def test_gmsh_meshes_a_step_file_and_meshio_reads_it() -> None:
    import gmsh
    import meshio

    gmsh.initialize(interruptible=False)
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.model.occ.addCylinder(0, 0, 0, 0, 0, 1, 0.2)
    gmsh.model.occ.synchronize()
    gmsh.write("/tmp/shaft.step")
    gmsh.clear()
    gmsh.model.occ.importShapes("/tmp/shaft.step")
    gmsh.model.occ.synchronize()
    gmsh.model.mesh.generate(3)
    gmsh.write("/tmp/shaft.msh")
    gmsh.finalize()
    mesh = meshio.read("/tmp/shaft.msh")
    assert len(mesh.points) > 50


def test_pyvista_draws_without_a_screen() -> None:
    import pyvista

    pyvista.OFF_SCREEN = True
    plotter = pyvista.Plotter(off_screen=True, window_size=(200, 150))
    plotter.add_mesh(pyvista.Cylinder(radius=0.2, height=1.0), color="#336699")
    picture = plotter.screenshot(None, return_img=True)
    plotter.close()
    assert picture.shape[:2] == (150, 200)
    assert picture.std() > 1


def test_pyvistas_pictures_are_found_through_the_persons_server() -> None:
    import os

    os.environ["JUPYTERHUB_SERVICE_PREFIX"] = "/user/anna/"
    import pyvista

    trame = pyvista.global_theme.trame
    assert trame.server_proxy_enabled
    assert trame.server_proxy_prefix.strip("/") == "user/anna/proxy"


def test_reads_drawings_meshes_and_point_clouds() -> None:
    import ezdxf
    import laspy
    import numpy
    import trimesh

    drawing = ezdxf.new()
    drawing.modelspace().add_circle((0, 0), radius=2)
    drawing.saveas("/tmp/flange.dxf")
    assert len(ezdxf.readfile("/tmp/flange.dxf").modelspace()) == 1
    trimesh.creation.box((1, 2, 3)).export("/tmp/box.stl")
    assert abs(trimesh.load("/tmp/box.stl", force="mesh").volume - 6.0) < 1e-6
    cloud = laspy.create(point_format=3, file_version="1.4")
    cloud.x = cloud.y = cloud.z = numpy.arange(10.0)
    cloud.write("/tmp/cloud.laz")
    assert len(laspy.read("/tmp/cloud.laz").points) == 10
